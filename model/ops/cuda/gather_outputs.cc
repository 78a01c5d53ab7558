#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>
#include <vector>

#include "model/ops/cuda/element_of.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/operators.h"
#include "model/ops/output_segments.h"

namespace radio::ops::cuda {
namespace {

GatherSegment Describe(const OutputSegment& segment, const at::Tensor& source, int64_t first_tile) {
  const int64_t row_bytes = source.size(1) * static_cast<int64_t>(source.element_size());
  return {static_cast<const char*>(source.const_data_ptr()) + segment.first_row * row_bytes,
          ElementOf(source.scalar_type()),
          ElementOf(segment.type),
          segment.rows,
          source.size(1),
          segment.offset,
          first_tile,
          segment.channels_first,
          segment.l2_normalize};
}

// On the device; the copy from pinned memory is in the stream's order.
at::Tensor Upload(const std::vector<GatherSegment>& segments, c10::Device device) {
  const size_t bytes = segments.size() * sizeof(GatherSegment);
  const auto options = at::TensorOptions().dtype(at::kByte);
  at::Tensor host = at::empty({static_cast<int64_t>(bytes)}, options.pinned_memory(true));
  std::memcpy(host.mutable_data_ptr(), segments.data(), bytes);
  return host.to(device, /*non_blocking=*/true);
}

}  // namespace

at::Tensor GatherOutputs(at::TensorList sources, at::IntArrayRef plan, int64_t bytes) {
  const std::vector<OutputSegment> segments = ReadSegments(sources, plan, bytes);
  const c10::Device device = sources[0].device();
  const c10::cuda::CUDAGuard guard(device);
  const int64_t count = static_cast<int64_t>(segments.size());
  at::Tensor slab = at::empty({bytes + count}, sources[0].options().dtype(at::kByte));
  if (count == 0) return slab;
  std::vector<GatherSegment> described;
  int64_t tiles = 0;
  for (const OutputSegment& segment : segments) {
    described.push_back(Describe(segment, sources[static_cast<size_t>(segment.source)], tiles));
    tiles += TilesOf(segment.rows, described.back().channels);
  }
  const at::Tensor uploaded = Upload(described, device);
  auto* memory = slab.mutable_data_ptr<uint8_t>();
  C10_CUDA_CHECK(LaunchGather(
      {static_cast<const GatherSegment*>(uploaded.const_data_ptr()), count, memory, memory + bytes},
      tiles, c10::cuda::getCurrentCUDAStream()));
  return slab;
}

}  // namespace radio::ops::cuda
