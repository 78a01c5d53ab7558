// What one thread of the patchify kernel does.
#ifndef RADIO_MODEL_OPS_CUDA_PATCHIFY_KERNEL_H_
#define RADIO_MODEL_OPS_CUDA_PATCHIFY_KERNEL_H_

#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

// One image to cut into patches. All pointers are to device memory; strides in elements.
struct PatchifyImage {
  const void* pixels;
  Element type;
  int64_t channel_stride;
  int64_t row_stride;
  int64_t column_stride;
  int64_t grid_height;
  int64_t grid_width;
  bool conditioned;
};

// Values of the result, one thread each: neighbours write neighbours.
RADIO_HOST_DEVICE inline int64_t PatchValues(const PatchifyImage& image, int64_t patch_size) {
  return image.grid_height * image.grid_width * 3 * patch_size * patch_size;
}

template <typename In, typename Out>
RADIO_HOST_DEVICE void PatchifyValue(const PatchifyImage& image, int64_t patch_size,
                                     const float* mean, const float* std, int64_t i, Out* output) {
  if (i >= PatchValues(image, patch_size)) return;
  const int64_t area = patch_size * patch_size;
  const int64_t patch = i / (3 * area);
  const int64_t channel = i / area % 3;
  const int64_t y = patch / image.grid_width * patch_size + i % area / patch_size;
  const int64_t x = patch % image.grid_width * patch_size + i % patch_size;
  const In* pixels = static_cast<const In*>(image.pixels);
  float value = Convert<In>::ToFloat(
      pixels[channel * image.channel_stride + y * image.row_stride + x * image.column_stride]);
  if (!image.conditioned) value = (value - mean[channel]) / std[channel];
  output[i] = Convert<Out>::FromFloat(value);
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_PATCHIFY_KERNEL_H_
