#include "tests/model/engine/torch/scripted_engine.h"

#include <cstring>

#include "tests/model/engine/torch/scripted_module.h"

namespace radio {
namespace {

constexpr char kHead[] = R"JIT(
def summary(self, prefix: Tensor) -> Tensor:
    return prefix[:, 1] * 2
def features(self, features: Tensor, grids: Tensor) -> Tensor:
    assert int(grids.prod(1).sum()) == features.size(0)
    return features * 3
)JIT";

constexpr char kRaisingHead[] = R"JIT(
def summary(self, prefix: Tensor) -> Tensor:
    assert prefix.size(0) < 0, "the summary head ran"
    return prefix[:, 0]
def features(self, features: Tensor, grids: Tensor) -> Tensor:
    assert features.size(0) < 0, "the feature head ran"
    return features
)JIT";

constexpr char kHungryHead[] = R"JIT(
def summary(self, prefix: Tensor) -> Tensor:
    return torch.zeros([1 << 45])
def features(self, features: Tensor, grids: Tensor) -> Tensor:
    return features[1:]
)JIT";

}  // namespace

OutputRequest Ask(int adaptor, bool summary, bool features) {
  OutputRequest request;
  request.adaptor = adaptor;
  request.summary = summary;
  request.features = features;
  return request;
}

std::vector<float> Floats(const std::optional<OutputTensor>& tensor) {
  std::vector<float> values(tensor->data.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor->data.data.data(), values.size() * sizeof(float));
  return values;
}

ImageTensor NoiseImage(Size size, unsigned seed) {
  std::vector<uint8_t> pixels(static_cast<size_t>(size.height * size.width * 3));
  for (uint8_t& pixel : pixels)
    pixel = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  ImageTensor image;
  image.size = size;
  image.pixels = Bytes::Own(std::move(pixels));
  return image;
}

// The same image as float32 [3, height, width] in [0, 1].
ImageTensor AsFloat(const ImageTensor& image) {
  const size_t area = static_cast<size_t>(image.size.height * image.size.width);
  std::vector<float> values(3 * area);
  for (size_t i = 0; i < area; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      values[c * area + i] = static_cast<float>(image.pixels.data[3 * i + c]) / 255.0f;
    }
  }
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  ImageTensor result = image;
  result.data_type = DataType::kFloat32;
  result.pixels = Bytes::Own(std::move(bytes));
  return result;
}

ScriptedEngineTest::ScriptedEngineTest() {
  options_.directory = testing::TempDir();
  options_.adaptor_files = {"good.pt", "raising.pt", "hungry.pt"};
  // Threads that wait for each other crawl on a machine that is busy with other tests.
  options_.intra_op_threads = 1;
  ScriptedModule(kScriptedBackbone).save(options_.directory + "/backbone.pt");
  ScriptedModule(kHead).save(options_.directory + "/good.pt");
  ScriptedModule(kRaisingHead).save(options_.directory + "/raising.pt");
  ScriptedModule(kHungryHead).save(options_.directory + "/hungry.pt");
  spec_.name = "scripted";
  spec_.num_prefix_tokens = 2;
  spec_.summary_indices = {1, 0};
  spec_.outputs = {
      {"backbone", 8, 4, 1}, {"good", 4, 4, 1}, {"raising", 4, 4, 1}, {"hungry", 4, 4, 1}};
}

std::unique_ptr<Engine> ScriptedEngineTest::Load() {
  absl::StatusOr<std::unique_ptr<Engine>> engine = TorchEngine::Load(options_, spec_);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

absl::Status ScriptedEngineTest::LoadError() { return TorchEngine::Load(options_, spec_).status(); }

}  // namespace radio
