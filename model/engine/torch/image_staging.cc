#include "model/engine/torch/image_staging.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "model/engine/torch/scalar_type.h"

namespace radio {
namespace {

// Of images within the block that travels; any element type may start there.
constexpr int64_t kAlignment = 64;

// The image in `bytes`, a uint8 tensor of one dimension.
at::Tensor View(const at::Tensor& bytes, const ImageTensor& image) {
  const int64_t height = image.size.height;
  const int64_t width = image.size.width;
  if (image.data_type == DataType::kUint8) {
    return bytes.view({height, width, 3}).permute({2, 0, 1});
  }
  return bytes.view(ScalarTypeOf(image.data_type)).view({3, height, width});
}

void CheckBytes(const ImageTensor& image, size_t index) {
  const int64_t expected = int64_t{3} * image.size.height * image.size.width *
                           static_cast<int64_t>(ElementSize(image.data_type));
  TORCH_CHECK(image.size.height > 0 && image.size.width > 0 &&
                  static_cast<int64_t>(image.pixels.data.size()) == expected,
              "image ", index, " of the batch: ", image.size.height, " x ", image.size.width,
              " takes ", expected, " bytes, got ", image.pixels.data.size());
}

int64_t Padded(size_t bytes) {
  return (static_cast<int64_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
}

// The images' bytes, one after the other, on `device`.
at::Tensor Upload(absl::Span<const BatchItem> batch, c10::Device device) {
  int64_t total = 0;
  for (const BatchItem& item : batch) total += Padded(item.image->pixels.data.size());
  at::Tensor block = at::empty({total}, at::TensorOptions().dtype(c10::kByte).pinned_memory(true));
  auto* out = block.mutable_data_ptr<uint8_t>();
  for (const BatchItem& item : batch) {
    const auto& bytes = item.image->pixels.data;
    std::memcpy(out, bytes.data(), bytes.size());
    out += Padded(bytes.size());
  }
  return block.to(device, /*non_blocking=*/true);
}

}  // namespace

std::vector<at::Tensor> StageImages(absl::Span<const BatchItem> batch, c10::Device device) {
  for (size_t i = 0; i < batch.size(); ++i) CheckBytes(*batch[i].image, i);
  std::vector<at::Tensor> images;
  images.reserve(batch.size());
  const at::Tensor block = device.is_cpu() ? at::Tensor() : Upload(batch, device);
  int64_t offset = 0;
  for (const BatchItem& item : batch) {
    const absl::Span<const uint8_t> bytes = item.image->pixels.data;
    const int64_t size = static_cast<int64_t>(bytes.size());
    // The model only reads; from_blob knows no const.
    images.push_back(View(
        block.defined() ? block.narrow(0, offset, size)
                        : at::from_blob(const_cast<uint8_t*>(bytes.data()), {size}, c10::kByte),
        *item.image));
    offset += Padded(bytes.size());
  }
  return images;
}

}  // namespace radio
