#include "model/ops/cuda/device_element.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {
namespace {

template <typename T>
__global__ void PositionKernel(PositionTable table, int64_t height, int64_t width,
                               bool align_corners, T* output) {
  PositionValue<T>(table, height, width, align_corners, ItemOf(blockIdx.x, threadIdx.x), output);
}

template <typename T>
cudaError_t PositionTo(const PositionTable& table, int64_t height, int64_t width,
                       bool align_corners, void* output, cudaStream_t stream) {
  const unsigned blocks = Blocks(height * width * table.channels);
  PositionKernel<T><<<blocks, kThreads, 0, stream>>>(table, height, width, align_corners,
                                                     static_cast<T*>(output));
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchPositionEmbedding(const PositionTable& table, int64_t height, int64_t width,
                                    bool align_corners, void* output, cudaStream_t stream) {
  switch (table.type) {
    case Element::kFloat16:
      return PositionTo<__half>(table, height, width, align_corners, output, stream);
    case Element::kBfloat16:
      return PositionTo<__nv_bfloat16>(table, height, width, align_corners, output, stream);
    case Element::kFloat32:
      return PositionTo<float>(table, height, width, align_corners, output, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace radio::ops::cuda
