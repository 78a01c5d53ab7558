// The images of a batch as tensors on the device.
#ifndef RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_
#define RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "absl/types/span.h"
#include "model/engine/engine.h"

namespace radio {

// One [3, height, width] tensor per image. On the CPU they are views of the images' own bytes,
// which must outlive them; on another device the bytes travel in one copy. Throws c10::Error when
// an image's bytes do not fit its size and type.
std::vector<at::Tensor> StageImages(absl::Span<const BatchItem> batch, c10::Device device);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_
