#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "model/ops/operators.h"
#include "model/ops/output_segments.h"

namespace radio::ops {
namespace {

at::Tensor Normalised(const at::Tensor& rows) {
  const at::Tensor norms = (rows * rows).sum(1, /*keepdim=*/true).sqrt();
  return rows / at::where(norms == 0, at::ones_like(norms), norms);
}

}  // namespace

at::Tensor GatherOutputs(at::TensorList sources, at::IntArrayRef plan, int64_t bytes) {
  const std::vector<OutputSegment> segments = ReadSegments(sources, plan, bytes);
  const int64_t flags = static_cast<int64_t>(segments.size());
  at::Tensor slab = at::zeros({bytes + flags}, at::kByte);
  for (size_t s = 0; s < segments.size(); ++s) {
    const OutputSegment& segment = segments[s];
    at::Tensor rows = sources[static_cast<size_t>(segment.source)]
                          .narrow(0, segment.first_row, segment.rows)
                          .to(at::kFloat);
    if (segment.l2_normalize) rows = Normalised(rows);
    if (segment.channels_first) rows = rows.t();
    const at::Tensor values = rows.to(segment.type).contiguous().view(-1);
    const at::Tensor bytes_of_values = values.view(at::kByte);
    slab.narrow(0, segment.offset, bytes_of_values.size(0)).copy_(bytes_of_values);
    if (!at::isfinite(values).all().item<bool>()) slab[bytes + static_cast<int64_t>(s)] = 1;
  }
  return slab;
}

}  // namespace radio::ops
