#include "model/engine/torch/image_staging.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/StreamGuard.h>

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

void CheckBytes(absl::Span<const BatchItem> batch) {
  for (size_t i = 0; i < batch.size(); ++i) CheckBytes(*batch[i].image, i);
}

// The images' bytes, one after the other, in memory that a device copies from by itself.
at::Tensor PinnedBlock(absl::Span<const BatchItem> batch) {
  int64_t total = 0;
  for (const BatchItem& item : batch) total += Padded(item.image->pixels.data.size());
  at::Tensor block = at::empty({total}, at::TensorOptions().dtype(c10::kByte).pinned_memory(true));
  auto* out = block.mutable_data_ptr<uint8_t>();
  for (const BatchItem& item : batch) {
    const auto& bytes = item.image->pixels.data;
    std::memcpy(out, bytes.data(), bytes.size());
    out += Padded(bytes.size());
  }
  return block;
}

}  // namespace

std::vector<at::Tensor> ViewImages(absl::Span<const BatchItem> batch) {
  CheckBytes(batch);
  std::vector<at::Tensor> images;
  images.reserve(batch.size());
  for (const BatchItem& item : batch) {
    const absl::Span<const uint8_t> bytes = item.image->pixels.data;
    // The model only reads; from_blob knows no const.
    const at::Tensor view = at::from_blob(const_cast<uint8_t*>(bytes.data()),
                                          {static_cast<int64_t>(bytes.size())}, c10::kByte);
    images.push_back(View(view, *item.image));
  }
  return images;
}

UploadedImages UploadImages(absl::Span<const BatchItem> batch, const DeviceStreams& streams) {
  CheckBytes(batch);
  const at::Tensor pinned = PinnedBlock(batch);
  const c10::StreamGuard guard(streams.upload);
  const at::Tensor block = pinned.to(streams.device(), /*non_blocking=*/true);
  block.record_stream(streams.compute);
  UploadedImages uploaded = {{}, c10::Event(streams.device().type())};
  uploaded.copied.record(streams.upload);
  int64_t offset = 0;
  for (const BatchItem& item : batch) {
    const size_t bytes = item.image->pixels.data.size();
    uploaded.images.push_back(
        View(block.narrow(0, offset, static_cast<int64_t>(bytes)), *item.image));
    offset += Padded(bytes);
  }
  return uploaded;
}

}  // namespace radio
