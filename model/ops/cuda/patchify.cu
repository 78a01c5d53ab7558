#include "model/ops/cuda/device_element.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {
namespace {

template <typename In, typename Out>
__global__ void PatchifyKernel(PatchifyImage image, int64_t patch_size, const float* mean,
                               const float* std, Out* output) {
  PatchifyValue<In>(image, patch_size, mean, std, ItemOf(blockIdx.x, threadIdx.x), output);
}

template <typename Out>
cudaError_t PatchifyTo(const PatchifyImage& image, int64_t patch_size, const float* mean,
                       const float* std, void* output, cudaStream_t stream) {
  const unsigned blocks = Blocks(PatchValues(image, patch_size));
  Out* out = static_cast<Out*>(output);
  switch (image.type) {
    case Element::kUint8:
      PatchifyKernel<uint8_t><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kFloat16:
      PatchifyKernel<__half><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kBfloat16:
      PatchifyKernel<__nv_bfloat16>
          <<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kFloat32:
      PatchifyKernel<float><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchPatchify(const PatchifyImage& image, int64_t patch_size, const float* mean,
                           const float* std, Element output_type, void* output,
                           cudaStream_t stream) {
  switch (output_type) {
    case Element::kFloat16:
      return PatchifyTo<__half>(image, patch_size, mean, std, output, stream);
    case Element::kBfloat16:
      return PatchifyTo<__nv_bfloat16>(image, patch_size, mean, std, output, stream);
    case Element::kFloat32:
      return PatchifyTo<float>(image, patch_size, mean, std, output, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace radio::ops::cuda
