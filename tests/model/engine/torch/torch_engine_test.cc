#include "model/engine/torch/torch_engine.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>

#include "model/errors.h"
#include "tests/model/engine/torch/scripted_module.h"

namespace radio {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Twice the first token; thrice each token.
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

constexpr int kBackbone = 0;
constexpr int kGood = 1;
constexpr int kRaising = 2;
constexpr int kHungry = 3;

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

class TorchEngineTest : public testing::Test {
 protected:
  TorchEngineTest() {
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

  std::unique_ptr<Engine> Load() {
    absl::StatusOr<std::unique_ptr<Engine>> engine = TorchEngine::Load(options_, spec_);
    EXPECT_TRUE(engine.ok()) << engine.status();
    return *std::move(engine);
  }

  absl::Status LoadError() { return TorchEngine::Load(options_, spec_).status(); }

  TorchEngine::Options options_;
  ModelSpec spec_;
  const ImageTensor small_ = NoiseImage({16, 32}, 1);
  const ImageTensor tall_ = NoiseImage({80, 16}, 2);
  const ImageTensor large_ = NoiseImage({48, 64}, 3);
  const std::vector<OutputRequest> everything_ = {Ask(kBackbone, true, true),
                                                  Ask(kGood, true, true)};
};

TEST_F(TorchEngineTest, ImagesOfManySizesAnswerAsIfAlone) {
  const std::unique_ptr<Engine> engine = Load();
  const std::vector<BatchItem> batch = {
      {&small_, &everything_}, {&tall_, &everything_}, {&large_, &everything_}};
  const auto packed = engine->Run(batch);
  ASSERT_TRUE(packed.ok()) << packed.status();
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto alone = engine->Run({&batch[i], 1});
    ASSERT_TRUE(alone.ok()) << alone.status();
    for (size_t o = 0; o < everything_.size(); ++o) {
      const Output& one = (*(*packed)[i])[o];
      const Output& other = (*(*alone)[0])[o];
      EXPECT_EQ(one.features->shape, other.features->shape);
      EXPECT_EQ(Floats(one.features), Floats(other.features));
      EXPECT_EQ(Floats(one.summary), Floats(other.summary));
    }
  }
}

TEST_F(TorchEngineTest, OutputsAreThoseOfTheModules) {
  const std::unique_ptr<Engine> engine = Load();
  const BatchItem item = {&large_, &everything_};
  const auto results = engine->Run({&item, 1});
  ASSERT_TRUE(results.ok()) << results.status();
  const Output& backbone = (*(*results)[0])[0];
  const Output& good = (*(*results)[0])[1];
  EXPECT_THAT(backbone.features->shape, testing::ElementsAre(12, 4));
  EXPECT_THAT(backbone.summary->shape, testing::ElementsAre(8));
  const std::vector<float> tokens = Floats(backbone.features);
  const std::vector<float> summary = Floats(backbone.summary);
  // summary_indices {1, 0}: the first token comes first, then the mean.
  for (size_t c = 0; c < 4; ++c) {
    float mean = 0;
    for (size_t t = 0; t < 12; ++t) mean += tokens[4 * t + c] / 12;
    EXPECT_FLOAT_EQ(summary[c], tokens[c]);
    EXPECT_NEAR(summary[4 + c], mean, 1e-4);
    EXPECT_FLOAT_EQ(Floats(good.summary)[c], 2 * tokens[c]);
  }
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_FLOAT_EQ(Floats(good.features)[i], 3 * tokens[i]);
}

TEST_F(TorchEngineTest, HeadsRunOnlyForThoseWhoAsk) {
  const std::unique_ptr<Engine> engine = Load();
  const std::vector<OutputRequest> backbone = {Ask(kBackbone, false, true)};
  const std::vector<OutputRequest> good = {Ask(kGood, true, true), Ask(kBackbone, false, true)};
  const std::vector<BatchItem> batch = {
      {&small_, &backbone}, {&tall_, &good}, {&small_, &backbone}, {&large_, &good}};
  const auto results = engine->Run(batch);
  // The raising head did not run, or there would be no results.
  ASSERT_TRUE(results.ok()) << results.status();
  for (const size_t i : {1, 3}) {
    const std::vector<float> tokens = Floats((*(*results)[i])[1].features);
    const std::vector<float> head = Floats((*(*results)[i])[0].features);
    ASSERT_EQ(head.size(), tokens.size());
    for (size_t k = 0; k < tokens.size(); ++k) EXPECT_FLOAT_EQ(head[k], 3 * tokens[k]);
    EXPECT_FLOAT_EQ(Floats((*(*results)[i])[0].summary)[0], 2 * tokens[0]);
  }
}

TEST_F(TorchEngineTest, ExceptionIsOneLineAndLeavesTheEngineUsable) {
  const std::unique_ptr<Engine> engine = Load();
  for (const bool features : {false, true}) {
    const std::vector<OutputRequest> raising = {Ask(kRaising, !features, features)};
    const BatchItem bad = {&small_, &raising};
    const absl::Status status = engine->Run({&bad, 1}).status();
    EXPECT_EQ(ReasonOf(status), Reason::kInferenceFailed);
    EXPECT_FALSE(IsOutOfMemory(status));
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(features ? "the feature head ran" : "the summary head ran"),
                      Not(HasSubstr("\n")), Not(HasSubstr("Traceback"))));
    const BatchItem good = {&small_, &everything_};
    EXPECT_TRUE(engine->Run({&good, 1}).ok());
    EXPECT_TRUE(engine->healthy());
  }
}

TEST_F(TorchEngineTest, WantOfMemoryIsRecognised) {
  const std::unique_ptr<Engine> engine = Load();
  const std::vector<OutputRequest> hungry = {Ask(kHungry, true, false)};
  const BatchItem item = {&small_, &hungry};
  const absl::Status status = engine->Run({&item, 1}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kInferenceFailed);
  EXPECT_TRUE(IsOutOfMemory(status)) << status;
}

TEST_F(TorchEngineTest, ResultOfTheWrongShapeIsRefused) {
  const std::unique_ptr<Engine> engine = Load();
  const std::vector<OutputRequest> short_features = {Ask(kHungry, false, true)};
  const BatchItem item = {&small_, &short_features};
  EXPECT_THAT(std::string(engine->Run({&item, 1}).status().message()),
              HasSubstr("hungry features must be [2, 4], the module returned [1, 4]"));
}

TEST_F(TorchEngineTest, NanInOneImageStaysThere) {
  const std::unique_ptr<Engine> engine = Load();
  ImageTensor broken = AsFloat(large_);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<uint8_t> bytes(broken.pixels.data.begin(), broken.pixels.data.end());
  std::memcpy(bytes.data() + 400, &nan, sizeof(nan));
  broken.pixels = Bytes::Own(std::move(bytes));
  const std::vector<BatchItem> batch = {
      {&small_, &everything_}, {&broken, &everything_}, {&tall_, &everything_}};
  const auto results = engine->Run(batch);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(ReasonOf((*results)[1].status()), Reason::kNonFiniteOutput);
  EXPECT_TRUE((*results)[0].ok());
  EXPECT_TRUE((*results)[2].ok());
}

TEST_F(TorchEngineTest, FloatAndByteImagesAgree) {
  const std::unique_ptr<Engine> engine = Load();
  const ImageTensor as_float = AsFloat(large_);
  const std::vector<BatchItem> batch = {{&large_, &everything_}, {&as_float, &everything_}};
  const auto results = engine->Run(batch);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(Floats((*(*results)[0])[0].features),
              testing::Pointwise(testing::FloatNear(1e-4f), Floats((*(*results)[1])[0].features)));
}

TEST_F(TorchEngineTest, ConditionedImageIsNotNormalised) {
  const std::unique_ptr<Engine> engine = Load();
  ImageTensor conditioned = AsFloat(large_);
  conditioned.conditioned = true;
  const std::vector<BatchItem> batch = {{&large_, &everything_}, {&conditioned, &everything_}};
  const auto results = engine->Run(batch);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_NE(Floats((*(*results)[0])[0].features), Floats((*(*results)[1])[0].features));
}

TEST_F(TorchEngineTest, ResultsOutliveTheEngine) {
  std::unique_ptr<Engine> engine = Load();
  const BatchItem item = {&large_, &everything_};
  const auto results = engine->Run({&item, 1});
  ASSERT_TRUE(results.ok());
  const std::vector<float> before = Floats((*(*results)[0])[0].features);
  engine.reset();
  EXPECT_EQ(Floats((*(*results)[0])[0].features), before);
}

TEST_F(TorchEngineTest, ConcurrentRunsAnswerTheirOwnImages) {
  const std::unique_ptr<Engine> engine = Load();
  const auto first_value = [&](const ImageTensor& image) {
    const BatchItem item = {&image, &everything_};
    const auto results = engine->Run({&item, 1});
    return results.ok() ? Floats((*(*results)[0])[0].features)[0] : 0.0f;
  };
  const float small = first_value(small_);
  const float large = first_value(large_);
  ASSERT_NE(small, large);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_FLOAT_EQ(first_value(t % 2 == 0 ? small_ : large_), t % 2 == 0 ? small : large);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TorchEngineTest, BrokenPromisesOfTheCallerAreRefused) {
  spec_.mixed_sizes = false;
  spec_.outputs[1].summary_dim = 0;
  const std::unique_ptr<Engine> engine = Load();
  const auto message = [&](std::vector<BatchItem> batch) {
    return std::string(engine->Run(batch).status().message());
  };
  const std::vector<OutputRequest> tokens = {Ask(kBackbone, false, true)};
  EXPECT_THAT(message({{&small_, &tokens}, {&large_, &tokens}}),
              HasSubstr("image 1 of the batch: this model takes images of one size per batch"));
  const std::vector<OutputRequest> no_summary = {Ask(kGood, true, false)};
  EXPECT_THAT(message({{&small_, &no_summary}}), HasSubstr("good has no such output"));
  const std::vector<OutputRequest> unknown = {Ask(9, true, false)};
  EXPECT_THAT(message({{&small_, &unknown}}), HasSubstr("there is no output 9"));
  const ImageTensor odd = NoiseImage({16, 24}, 4);
  EXPECT_THAT(message({{&odd, &tokens}}), HasSubstr("not a positive multiple of 16"));
  ImageTensor truncated = small_;
  truncated.pixels.data.remove_suffix(1);
  EXPECT_THAT(message({{&truncated, &tokens}}), HasSubstr("takes 1536 bytes, got 1535"));
}

TEST_F(TorchEngineTest, EmptyBatchHasNoResults) {
  const auto results = Load()->Run({});
  ASSERT_TRUE(results.ok());
  EXPECT_TRUE(results->empty());
}

TEST_F(TorchEngineTest, DescribesTheDevice) {
  options_.intra_op_threads = 3;
  EXPECT_THAT(Load()->description(), testing::StartsWith("cpu, 3 threads"));
}

TEST_F(TorchEngineTest, LoadNamesTheFileThatIsMissing) {
  options_.adaptor_files[1] = "absent.pt";
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("absent.pt"));
}

TEST_F(TorchEngineTest, LoadRefusesAFileThatIsNoModule) {
  std::ofstream(options_.directory + "/good.pt") << "not a module";
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("good.pt"), Not(HasSubstr("\n"))));
}

TEST_F(TorchEngineTest, LoadRefusesAnotherNumberOfAdaptors) {
  options_.adaptor_files.pop_back();
  EXPECT_THAT(std::string(LoadError().message()), HasSubstr("2 adaptor files for 3 adaptors"));
}

TEST_F(TorchEngineTest, LoadRefusesUnknownAndAbsentDevices) {
  options_.device = "tpu";
  EXPECT_EQ(LoadError().code(), absl::StatusCode::kInvalidArgument);
  options_.device = "cuda:99";
  EXPECT_EQ(LoadError().code(), absl::StatusCode::kFailedPrecondition) << LoadError();
}

}  // namespace
}  // namespace radio
