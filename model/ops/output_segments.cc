#include "model/ops/output_segments.h"

namespace radio::ops {
namespace {

constexpr size_t kIntegers = 7;

bool IsFloat(at::ScalarType type) {
  return type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
}

OutputSegment Decode(at::IntArrayRef integers) {
  return {integers[0],
          integers[1],
          integers[2],
          integers[3],
          static_cast<at::ScalarType>(integers[4]),
          integers[5] != 0,
          integers[6] != 0};
}

void Check(const OutputSegment& segment, at::TensorList sources, int64_t bytes, size_t index) {
  TORCH_CHECK(segment.source >= 0 && segment.source < static_cast<int64_t>(sources.size()),
              "gather_outputs: segment ", index, ": there is no source ", segment.source);
  TORCH_CHECK(IsFloat(segment.type), "gather_outputs: segment ", index, ": ", segment.type,
              " is no type of answers");
  const at::Tensor& source = sources[static_cast<size_t>(segment.source)];
  TORCH_CHECK(segment.first_row >= 0 && segment.rows >= 0 && segment.rows <= source.size(0) &&
                  segment.first_row <= source.size(0) - segment.rows,
              "gather_outputs: segment ", index, ": rows [", segment.first_row, ", ",
              segment.first_row + segment.rows, ") of ", source.size(0));
  const int64_t element = static_cast<int64_t>(c10::elementSize(segment.type));
  const int64_t size = segment.rows * source.size(1) * element;
  TORCH_CHECK(segment.offset >= 0 && segment.offset % element == 0 && size <= bytes &&
                  segment.offset <= bytes - size,
              "gather_outputs: segment ", index, ": ", size, " bytes from ", segment.offset,
              " on do not fit into ", bytes);
}

}  // namespace

void AppendSegment(const OutputSegment& segment, std::vector<int64_t>* plan) {
  plan->insert(plan->end(), {segment.source, segment.first_row, segment.rows, segment.offset,
                             static_cast<int64_t>(segment.type), segment.channels_first ? 1 : 0,
                             segment.l2_normalize ? 1 : 0});
}

std::vector<OutputSegment> ReadSegments(at::TensorList sources, at::IntArrayRef plan,
                                        int64_t bytes) {
  TORCH_CHECK(!sources.empty() && plan.size() % kIntegers == 0,
              "gather_outputs: needs sources and ", kIntegers, " integers per segment, got ",
              sources.size(), " and ", plan.size());
  for (const at::Tensor& source : sources) {
    TORCH_CHECK(source.dim() == 2 && source.is_contiguous() && IsFloat(source.scalar_type()) &&
                    source.device() == sources[0].device(),
                "gather_outputs: sources must be contiguous [N, C] of a float type on one device, "
                "got ",
                source.sizes(), " ", source.scalar_type(), " on ", source.device());
  }
  std::vector<OutputSegment> segments;
  for (size_t i = 0; i < plan.size(); i += kIntegers) {
    segments.push_back(Decode(plan.slice(i, kIntegers)));
    Check(segments.back(), sources, bytes, segments.size() - 1);
  }
  return segments;
}

}  // namespace radio::ops
