#include "tests/testing/fake_engine.h"

#include <cstring>

namespace radio {
namespace {

OutputTensor Filled(DataType data_type, std::vector<int64_t> shape, float value) {
  size_t count = 1;
  for (const int64_t side : shape) count *= side;
  // Other types than float32 get zeros: tests of the edge look at their size only.
  std::vector<uint8_t> bytes(count * ElementSize(data_type));
  if (data_type == DataType::kFloat32) {
    for (size_t i = 0; i < count; ++i) std::memcpy(&bytes[i * 4], &value, 4);
  }
  return {data_type, std::move(shape), Bytes::Own(std::move(bytes))};
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> FakeEngine::Run(
    absl::Span<const BatchItem> batch) {
  {
    MutexLock lock(&mutex_);
    batch_sizes_.push_back(static_cast<int>(batch.size()));
  }
  if (hook_) {
    if (absl::Status status = hook_(batch); !status.ok()) return status;
  }
  std::vector<absl::StatusOr<ItemOutputs>> results;
  for (const BatchItem& item : batch) results.push_back(OutputsOf(item));
  return results;
}

std::vector<int> FakeEngine::batch_sizes() const {
  MutexLock lock(&mutex_);
  return batch_sizes_;
}

ItemOutputs FakeEngine::OutputsOf(const BatchItem& item) const {
  const Size grid = spec_.GridOf(item.image->size);
  const float value = item.image->pixels.data[0] / 255.0f;
  ItemOutputs outputs;
  for (const OutputRequest& request : *item.outputs) {
    const AdaptorSpec& adaptor = spec_.outputs[request.adaptor];
    const int64_t dim = adaptor.feature_dim;
    const int64_t h = int64_t{grid.height} * adaptor.upsample_factor;
    const int64_t w = int64_t{grid.width} * adaptor.upsample_factor;
    std::vector<int64_t> shape = {h * w, dim};
    if (request.layout == FeatureLayout::kNhwc) shape = {h, w, dim};
    if (request.layout == FeatureLayout::kNchw) shape = {dim, h, w};
    Output& output = outputs.emplace_back();
    if (request.summary) output.summary = Filled(request.data_type, {adaptor.summary_dim}, value);
    if (request.features) output.features = Filled(request.data_type, std::move(shape), value);
  }
  return outputs;
}

ModelSpec TestSpec(const std::string& name) {
  ModelSpec spec;
  spec.name = name;
  spec.version = "radio_test";
  spec.architecture = "vit_test";
  spec.precision = "float32";
  spec.embedding_space = "test-space";
  spec.max_resolution = 1024;
  spec.preferred = {64, 64};
  spec.num_prefix_tokens = 2;
  spec.summary_indices = {0};
  spec.outputs = {{"backbone", 8, 8, 1}, {"clip", 4, 6, 1}, {"sam", 0, 6, 1}};
  return spec;
}

ImageTensor TestImage(Size size, uint8_t value) {
  ImageTensor image;
  image.size = size;
  image.pixels =
      Bytes::Own(std::vector<uint8_t>(static_cast<size_t>(size.height) * size.width * 3, value));
  return image;
}

}  // namespace radio
