#include "model/engine/torch/torch_engine.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "model/errors.h"
#include "tests/model/engine/torch/scripted_engine.h"

// AddressSanitizer would end the program at WantOfMemoryIsRecognised's request.
extern "C" const char* __asan_default_options();
const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace radio {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using TorchEngineTest = ScriptedEngineTest;

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

TEST_F(TorchEngineTest, AProcessorHasNoMemoryOfADevice) {
  const std::unique_ptr<Engine> engine = Load();
  const BatchItem item = {&small_, &everything_};
  ASSERT_TRUE(engine->Run({&item, 1}).ok());
  engine->ReleaseMemory();
  EXPECT_EQ(engine->device_memory().allocated, 0);
  EXPECT_EQ(engine->device_memory().reserved, 0);
  EXPECT_TRUE(engine->Run({&item, 1}).ok());
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

}  // namespace
}  // namespace radio
