#include "model/ops/cuda/device_element.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {
namespace {

template <typename T, int kWidth>
__global__ void EpilogueKernel(LinearEpilogue epilogue) {
  ApplyEpilogue<T, kWidth>(epilogue, ItemOf(blockIdx.x, threadIdx.x));
}

template <typename T>
cudaError_t EpilogueOf(const LinearEpilogue& epilogue, cudaStream_t stream) {
  const int width = VectorWidth(epilogue, sizeof(T));
  const unsigned blocks = Blocks(epilogue.count / width);
  if (width == 1) {
    EpilogueKernel<T, 1><<<blocks, kThreads, 0, stream>>>(epilogue);
  } else {
    EpilogueKernel<T, kVectorBytes / sizeof(T)><<<blocks, kThreads, 0, stream>>>(epilogue);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchLinearEpilogue(const LinearEpilogue& epilogue, cudaStream_t stream) {
  if (epilogue.count == 0) return cudaSuccess;
  switch (epilogue.type) {
    case Element::kFloat16:
      return EpilogueOf<__half>(epilogue, stream);
    case Element::kBfloat16:
      return EpilogueOf<__nv_bfloat16>(epilogue, stream);
    case Element::kFloat32:
      return EpilogueOf<float>(epilogue, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace radio::ops::cuda
