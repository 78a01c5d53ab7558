// The images of a batch as tensors on the device.
#ifndef RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_
#define RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <vector>

#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/torch/device_streams.h"

namespace radio {

// One [3, height, width] tensor per image: views of the images' own bytes, which must outlive them.
// Throws c10::Error when an image's bytes do not fit its size and type.
std::vector<at::Tensor> ViewImages(absl::Span<const BatchItem> batch);

struct UploadedImages {
  // As of ViewImages, on the device.
  std::vector<at::Tensor> images;
  // Behind their copy: what uses them on another stream than it waits for this first.
  c10::Event copied;
};

// The images' bytes travel in one copy from pinned memory, on the upload stream. Blocks while they
// are gathered there, not for the copy. The tensors may be let go while the compute stream still
// uses them. Throws as ViewImages does, or when there is no memory. Thread-safe.
UploadedImages UploadImages(absl::Span<const BatchItem> batch, const DeviceStreams& streams);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_IMAGE_STAGING_H_
