#include "model/ops/cuda/device_element.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {
namespace {

// body(a value of the type), which only tells the type.
template <typename Body>
__device__ void WithType(Element type, Body body) {
  switch (type) {
    case Element::kFloat16:
      return body(__half());
    case Element::kBfloat16:
      return body(__nv_bfloat16());
    default:
      return body(0.0f);
  }
}

__global__ void GatherKernel(GatherPlan plan) {
  __shared__ TileMemory memory;
  __shared__ Tile tile;
  if (threadIdx.x == 0) tile = TileAt(plan.segments, plan.count, blockIdx.x);
  __syncthreads();
  const GatherSegment segment = plan.segments[tile.segment];
  // The same way for all threads of the block.
  if (segment.l2_normalize) {
    WithType(segment.source_type,
             [&](auto type) { SumSquares<decltype(type)>(segment, tile, threadIdx.x, &memory); });
    __syncthreads();
  }
  SetScales(segment, tile, threadIdx.x, &memory);
  __syncthreads();
  WithType(segment.source_type,
           [&](auto type) { LoadTile<decltype(type)>(segment, tile, threadIdx.x, &memory); });
  __syncthreads();
  WithType(segment.target_type, [&](auto type) {
    const bool finite = StoreTile<decltype(type)>(segment, tile, threadIdx.x, memory, plan.slab);
    if (!finite) plan.flags[tile.segment] = 1;
  });
}

}  // namespace

cudaError_t LaunchGather(const GatherPlan& plan, int64_t tiles, cudaStream_t stream) {
  const cudaError_t error = cudaMemsetAsync(plan.flags, 0, static_cast<size_t>(plan.count), stream);
  if (error != cudaSuccess || tiles == 0) return error;
  GatherKernel<<<static_cast<unsigned>(tiles), kThreads, 0, stream>>>(plan);
  return cudaGetLastError();
}

}  // namespace radio::ops::cuda
