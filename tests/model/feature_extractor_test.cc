#include "model/feature_extractor.h"

#include <gmock/gmock.h>

#include <cstring>
#include <future>
#include <map>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/fake_metrics.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

constexpr absl::Duration kBatchTime = absl::Milliseconds(100);

// A whole core with a fake engine whose batches take kBatchTime of simulated time. Results are
// collected by index.
class FeatureExtractorTest : public testing::Test {
 protected:
  void StartModel(FakeEngine::Hook hook = nullptr) {
    auto engine = std::make_unique<FakeEngine>(
        TestSpec(), [this, hook](absl::Span<const BatchItem> batch) -> absl::Status {
          clock_.Advance(kBatchTime);
          return hook ? hook(batch) : absl::OkStatus();
        });
    engine_ = engine.get();
    model_ = std::make_shared<ServedModel>(TestSpec(), std::move(engine), BatchLimits{},
                                           &completions_, &clock_, &metrics_);
  }

  ExtractRequest Request(std::vector<absl::StatusOr<ImageSource>> images) {
    ExtractRequest request;
    request.model = model_;
    request.images = std::move(images);
    request.outputs = {OutputRequest{0, true, true}};
    request.cancel = cancel_;
    return request;
  }

  // Extracts and waits for all results.
  std::vector<ItemResult> Extract(ExtractRequest request, FeatureExtractor* extractor = nullptr) {
    if (extractor == nullptr) extractor = &extractor_;
    const size_t count = request.images.size();
    Mutex mutex;
    std::map<size_t, ItemResult> results;
    std::promise<void> all;
    extractor->Extract(std::move(request), [&](size_t index, ItemResult result) {
      MutexLock lock(&mutex);
      EXPECT_TRUE(results.emplace(index, std::move(result)).second)
          << "image " << index << " twice";
      if (results.size() == count) all.set_value();
    });
    all.get_future().wait();
    MutexLock lock(&mutex);
    std::vector<ItemResult> ordered;
    for (auto& [index, result] : results) ordered.push_back(std::move(result));
    return ordered;
  }

  SimulatedClock clock_;
  FakeMetrics metrics_;
  Admission admission_{Admission::Options{}};
  ThreadPool completions_{"completions", 1};
  FakeEngine* engine_ = nullptr;
  std::shared_ptr<const ServedModel> model_;
  ThreadPool preprocess_{"preprocess", 2};
  FeatureExtractor extractor_{Preprocessor(Preprocessor::Options{}),
                              {&admission_, &preprocess_, &clock_, &metrics_}};
  std::shared_ptr<CancelToken> cancel_ = std::make_shared<CancelToken>();
};

float FirstValue(const OutputTensor& tensor) {
  float value = 0;
  std::memcpy(&value, tensor.data.data.data(), sizeof(value));
  return value;
}

TEST_F(FeatureExtractorTest, EachImageGetsItsOwnFeaturesWhateverTheirSizes) {
  StartModel();
  std::vector<absl::StatusOr<ImageSource>> images;
  for (int i = 0; i < 20; ++i) images.push_back(ImageSource(TestImage({16 + 16 * i, 32}, i)));
  const std::vector<ItemResult> results = Extract(Request(std::move(images)));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(results[i].outputs.ok()) << results[i].outputs.status();
    const Output& output = (*results[i].outputs)[0];
    EXPECT_FLOAT_EQ(FirstValue(*output.summary), i / 255.0f);
    EXPECT_THAT(output.features->shape, testing::ElementsAre((1 + i) * 2, 8));
    EXPECT_EQ(results[i].model_size, (Size{16 + 16 * i, 32}));
  }
  EXPECT_EQ(metrics_.finished(Outcome::kOk), 20);
}

TEST_F(FeatureExtractorTest, BadImageFailsAloneWithItsOwnReason) {
  StartModel();
  std::vector<absl::StatusOr<ImageSource>> images;
  images.push_back(ImageSource(TestImage({32, 32}, 1)));
  images.push_back(ImageSource(TestImage({33, 32}, 2)));
  images.push_back(ImageSource(EncodedImage{Bytes::Own({1, 2, 3})}));
  images.push_back(MakeError(Reason::kTensorInvalid, "refused at the edge"));
  images.push_back(ImageSource(TestImage({32, 32}, 5)));
  const std::vector<ItemResult> results = Extract(Request(std::move(images)));
  EXPECT_TRUE(results[0].outputs.ok());
  EXPECT_EQ(ReasonOf(results[1].outputs.status()), Reason::kResolutionUnsupported);
  EXPECT_EQ(ReasonOf(results[2].outputs.status()), Reason::kImageUndecodable);
  EXPECT_EQ(ReasonOf(results[3].outputs.status()), Reason::kTensorInvalid);
  EXPECT_TRUE(results[4].outputs.ok());
  EXPECT_EQ(metrics_.finished(Outcome::kOk), 2);
  EXPECT_EQ(metrics_.finished(Outcome::kInvalid), 3);
}

TEST_F(FeatureExtractorTest, AnImageThatFailedTwiceIsNotRunAgainUntilItsTimeHasPassed) {
  StartModel([](absl::Span<const BatchItem> batch) {
    for (const BatchItem& item : batch) {
      if (item.image->pixels.data[0] == 13) {
        return MakeError(Reason::kInferenceFailed, "unlucky");
      }
    }
    return absl::OkStatus();
  });
  Quarantine quarantine({absl::Seconds(60)}, &clock_);
  FeatureExtractor extractor(Preprocessor(Preprocessor::Options{}),
                             {&admission_, &preprocess_, &clock_, &metrics_, &quarantine});
  const auto reason = [&](uint8_t value) {
    return ReasonOf(Extract(Request({ImageSource(TestImage({32, 32}, value))}), &extractor)[0]
                        .outputs.status());
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(reason(13), Reason::kInferenceFailed);
  EXPECT_EQ(engine_->batch_sizes().size(), 2u);
  EXPECT_EQ(reason(7), std::nullopt);
  EXPECT_EQ(engine_->batch_sizes().size(), 3u);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(reason(13), Reason::kInferenceFailed);
  EXPECT_EQ(engine_->batch_sizes().size(), 4u);
}

TEST_F(FeatureExtractorTest, CancelledCallNeverReachesTheEngine) {
  StartModel();
  cancel_->Cancel();
  const auto results = Extract(Request({ImageSource(TestImage({32, 32}))}));
  EXPECT_TRUE(absl::IsCancelled(results[0].outputs.status()));
  EXPECT_TRUE(engine_->batch_sizes().empty());
  EXPECT_EQ(metrics_.finished(Outcome::kCancelled), 1);
}

TEST_F(FeatureExtractorTest, ExpiredImageNeverReachesTheEngine) {
  StartModel();
  ExtractRequest request = Request({ImageSource(TestImage({32, 32}))});
  request.deadline = clock_.Now();
  const auto results = Extract(std::move(request));
  EXPECT_EQ(ReasonOf(results[0].outputs.status()), Reason::kExpiredInQueue);
  EXPECT_TRUE(engine_->batch_sizes().empty());
  EXPECT_EQ(metrics_.finished(Outcome::kExpired), 1);
}

TEST_F(FeatureExtractorTest, TimingsSayHowLongTheBatchTook) {
  StartModel();
  const auto results = Extract(Request({ImageSource(TestImage({32, 32}))}));
  EXPECT_EQ(results[0].timings.inference, kBatchTime);
}

TEST_F(FeatureExtractorTest, PendingCostIsGoneWhenTheResultIs) {
  StartModel();
  Extract(Request({ImageSource(TestImage({32, 32})), ImageSource(TestImage({32, 32}))}));
  // The last completion may still be unwinding on its thread; the pool runs in order, so a later
  // closure comes after it.
  std::promise<void> after;
  completions_.Schedule([&] { after.set_value(); });
  after.get_future().wait();
  EXPECT_EQ(model_->load().pending(), 0);
}

TEST_F(FeatureExtractorTest, AdmissionCountsRequestAndResponseBytes) {
  StartModel();
  const auto permit = extractor_.Admit(Request({ImageSource(TestImage({32, 32}))}));
  ASSERT_TRUE(permit.ok());
  EXPECT_EQ(admission_.items(), 1);
  // Pixels, a summary of 8 floats, 4 tokens of 8 floats.
  EXPECT_EQ(admission_.bytes(), 32 * 32 * 3 + 8 * 4 + 4 * 8 * 4);
}

TEST_F(FeatureExtractorTest, EveryRefusedImageIsCountedOnce) {
  StartModel();
  admission_.Drain();
  const auto refused = extractor_.Admit(
      Request({ImageSource(TestImage({32, 32})), ImageSource(TestImage({32, 32}))}));
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kServerDraining);
  EXPECT_EQ(metrics_.received(), 2);
  EXPECT_EQ(metrics_.finished(Outcome::kRejected), 2);
}

TEST_F(FeatureExtractorTest, EngineFailureIsThatImagesErrorOnly) {
  StartModel([](absl::Span<const BatchItem> batch) {
    for (const BatchItem& item : batch) {
      if (item.image->pixels.data[0] == 7) return MakeError(Reason::kInferenceFailed, "seven");
    }
    return absl::OkStatus();
  });
  std::vector<absl::StatusOr<ImageSource>> images;
  for (int i = 0; i < 9; ++i) images.push_back(ImageSource(TestImage({32, 32}, i)));
  const auto results = Extract(Request(std::move(images)));
  for (int i = 0; i < 9; ++i) EXPECT_EQ(results[i].outputs.ok(), i != 7) << i;
}

}  // namespace
}  // namespace radio
