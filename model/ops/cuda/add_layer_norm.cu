#include "model/ops/cuda/device_element.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {
namespace {

constexpr int kWarp = 32;

// The sum of `value` over the block's threads, for each of them. `scratch`: one float per warp.
__device__ float BlockSum(float value, float* scratch) {
  constexpr unsigned kAllLanes = 0xffffffffu;
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  __syncthreads();  // Nobody still reads what an earlier sum left here.
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  float sum = 0.0f;
  for (int warp = 0; warp < kThreads / kWarp; ++warp) sum += scratch[warp];
  return sum;
}

// One block per row, which is read once and kept in shared memory.
template <typename In, typename Out>
__global__ void AddLayerNormKernel(NormRows rows) {
  extern __shared__ float row[];
  __shared__ float scratch[kThreads / kWarp];
  const float count = static_cast<float>(rows.channels);
  const float sum = AddToRow<In>(rows, blockIdx.x, threadIdx.x, row);
  const float mean = BlockSum(sum, scratch) / count;
  const float squares = SquaredDistance(rows, threadIdx.x, mean, row);
  const float scale = 1.0f / sqrtf(BlockSum(squares, scratch) / count + rows.epsilon);
  WriteNorm<Out>(rows, blockIdx.x, threadIdx.x, mean, scale, row);
}

template <typename In>
cudaError_t AddLayerNormFrom(const NormRows& rows, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(rows.rows);
  const size_t row_bytes = static_cast<size_t>(rows.channels) * sizeof(float);
  switch (rows.output_type) {
    case Element::kBfloat16:
      AddLayerNormKernel<In, __nv_bfloat16><<<blocks, kThreads, row_bytes, stream>>>(rows);
      return cudaGetLastError();
    case Element::kFloat32:
      AddLayerNormKernel<In, float><<<blocks, kThreads, row_bytes, stream>>>(rows);
      return cudaGetLastError();
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

cudaError_t LaunchAddLayerNorm(const NormRows& rows, cudaStream_t stream) {
  if (rows.channels > kMaxNormChannels) return cudaErrorInvalidValue;
  if (rows.rows == 0) return cudaSuccess;
  switch (rows.addend_type) {
    case Element::kBfloat16:
      return AddLayerNormFrom<__nv_bfloat16>(rows, stream);
    case Element::kFloat32:
      return AddLayerNormFrom<float>(rows, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace radio::ops::cuda
