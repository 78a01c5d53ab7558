#include "model/engine/output_writer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "model/engine/float_convert.h"
#include "model/errors.h"

namespace radio {
namespace {

using testing::Each;
using testing::ElementsAre;

void Serially(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body) { body(0, count); }

void OnTwoThreads(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body) {
  std::thread other([&] { body(0, count / 2); });
  body(count / 2, count);
  other.join();
}

// Two images, of 2 x 3 and 1 x 40 tokens; a backbone of 5 channels, an adaptor that upsamples by 2.
class OutputWriterTest : public testing::Test {
 protected:
  OutputWriterTest() {
    spec_.patch_size = 16;
    spec_.outputs = {{"backbone", 5, 5, 1}, {"up", 0, 3, 2}};
    images_[0].size = {32, 48};
    images_[1].size = {16, 640};
    Fill(2 * 5, &backbone_summary_);
    Fill(46 * 5, &backbone_features_);
    Fill(46 * 4 * 3, &adaptor_features_);
    computed_.resize(2);
    computed_[0].summary = {backbone_summary_.data(), DataType::kFloat32, 5};
    computed_[0].summary_row = {1, 0};
    computed_[0].features = {backbone_features_.data(), DataType::kFloat32, 5};
    computed_[0].feature_row = {0, 6};
    computed_[1].features = {adaptor_features_.data(), DataType::kFloat32, 3};
    computed_[1].feature_row = {0, 24};
  }

  static void Fill(size_t count, std::vector<float>* values) {
    for (size_t i = 0; i < count; ++i) values->push_back(0.25f * static_cast<float>(i % 97) - 9.0f);
  }

  std::vector<absl::StatusOr<ItemOutputs>> Write(ParallelFor parallel_for = Serially) {
    std::vector<BatchItem> batch = {{&images_[0], &requests_[0]}, {&images_[1], &requests_[1]}};
    return WriteOutputs(spec_, batch, computed_, parallel_for);
  }

  static std::vector<float> Floats(const std::optional<OutputTensor>& tensor) {
    std::vector<float> values(tensor->data.data.size() / ElementSize(tensor->data_type));
    LoadFloats(tensor->data.data.data(), tensor->data_type, static_cast<int64_t>(values.size()),
               values.data());
    return values;
  }

  static OutputRequest Features(FeatureLayout layout, DataType type = DataType::kFloat32) {
    OutputRequest request;
    request.features = true;
    request.layout = layout;
    request.data_type = type;
    return request;
  }

  ModelSpec spec_;
  ImageTensor images_[2];
  std::vector<float> backbone_summary_;
  std::vector<float> backbone_features_;
  std::vector<float> adaptor_features_;
  std::vector<ComputedOutput> computed_;
  std::vector<OutputRequest> requests_[2];
};

TEST_F(OutputWriterTest, EveryImageGetsItsOwnRows) {
  OutputRequest request = Features(FeatureLayout::kNlc);
  request.summary = true;
  requests_[0] = {request};
  requests_[1] = {request};
  const auto results = Write();
  ASSERT_EQ(results.size(), 2u);
  const auto& begin = backbone_features_.begin();
  EXPECT_EQ(Floats((*results[0])[0].features), std::vector<float>(begin, begin + 30));
  EXPECT_EQ(Floats((*results[1])[0].features), std::vector<float>(begin + 30, begin + 230));
  EXPECT_THAT((*results[0])[0].features->shape, ElementsAre(6, 5));
  EXPECT_THAT((*results[1])[0].features->shape, ElementsAre(40, 5));
  // summary_row says that the first image's summary is the second row.
  const auto& rows = backbone_summary_.begin();
  EXPECT_EQ(Floats((*results[0])[0].summary), std::vector<float>(rows + 5, rows + 10));
  EXPECT_EQ(Floats((*results[1])[0].summary), std::vector<float>(rows, rows + 5));
  EXPECT_THAT((*results[0])[0].summary->shape, ElementsAre(5));
}

TEST_F(OutputWriterTest, NothingIsWrittenThatNobodyAsksFor) {
  OutputRequest summary;
  summary.summary = true;
  requests_[1] = {summary};
  const auto results = Write();
  EXPECT_TRUE((*results[0]).empty());
  EXPECT_TRUE((*results[1])[0].summary.has_value());
  EXPECT_FALSE((*results[1])[0].features.has_value());
}

TEST_F(OutputWriterTest, LayoutsHoldTheSameValues) {
  requests_[1] = {Features(FeatureLayout::kNlc), Features(FeatureLayout::kNhwc),
                  Features(FeatureLayout::kNchw)};
  for (OutputRequest& request : requests_[1]) request.adaptor = 1;
  const auto results = Write();
  const ItemOutputs& outputs = *results[1];
  EXPECT_THAT(outputs[0].features->shape, ElementsAre(160, 3));
  EXPECT_THAT(outputs[1].features->shape, ElementsAre(2, 80, 3));
  EXPECT_THAT(outputs[2].features->shape, ElementsAre(3, 2, 80));
  const std::vector<float> tokens = Floats(outputs[0].features);
  EXPECT_EQ(Floats(outputs[1].features), tokens);
  const std::vector<float> channels = Floats(outputs[2].features);
  for (size_t t = 0; t < 160; ++t) {
    for (size_t c = 0; c < 3; ++c) ASSERT_EQ(channels[c * 160 + t], tokens[t * 3 + c]);
  }
}

TEST_F(OutputWriterTest, CastsRoundToNearest) {
  for (size_t i = 0; i < backbone_features_.size(); ++i) backbone_features_[i] += 1e-4f;
  requests_[0] = {Features(FeatureLayout::kNlc, DataType::kFloat16),
                  Features(FeatureLayout::kNchw, DataType::kBfloat16)};
  const auto results = Write();
  const std::vector<float> half = Floats((*results[0])[0].features);
  const std::vector<float> brain = Floats((*results[0])[1].features);
  EXPECT_EQ((*results[0])[0].features->data.data.size(), 60u);
  for (size_t t = 0; t < 6; ++t) {
    for (size_t c = 0; c < 5; ++c) {
      const float value = backbone_features_[t * 5 + c];
      EXPECT_EQ(half[t * 5 + c], FloatFromHalf(HalfFromFloat(value)));
      EXPECT_EQ(brain[c * 6 + t], FloatFromBFloat16(BFloat16FromFloat(value)));
    }
  }
}

TEST_F(OutputWriterTest, ReadsHalfPrecisionSources) {
  std::vector<uint16_t> source;
  for (const float value : backbone_features_) source.push_back(BFloat16FromFloat(value));
  computed_[0].features = {source.data(), DataType::kBfloat16, 5};
  requests_[1] = {Features(FeatureLayout::kNlc)};
  const auto results = Write();
  const std::vector<float> values = Floats((*results[1])[0].features);
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], FloatFromBFloat16(source[30 + i])) << i;
  }
}

TEST_F(OutputWriterTest, NormalizedVectorsHaveUnitLengthAndZeroStaysZero) {
  for (size_t c = 0; c < 5; ++c) backbone_features_[10 + c] = 0.0f;
  OutputRequest request = Features(FeatureLayout::kNlc);
  request.summary = true;
  request.l2_normalize = true;
  requests_[0] = {request};
  const auto results = Write();
  const std::vector<float> tokens = Floats((*results[0])[0].features);
  for (size_t t = 0; t < 6; ++t) {
    double sum = 0;
    for (size_t c = 0; c < 5; ++c) sum += double{tokens[t * 5 + c]} * tokens[t * 5 + c];
    EXPECT_NEAR(std::sqrt(sum), t == 2 ? 0.0 : 1.0, 1e-6) << t;
  }
  double sum = 0;
  for (const float value : Floats((*results[0])[0].summary)) sum += double{value} * value;
  EXPECT_NEAR(sum, 1.0, 1e-6);
}

TEST_F(OutputWriterTest, NonFiniteValueFailsItsImageOnly) {
  requests_[0] = {Features(FeatureLayout::kNchw)};
  requests_[1] = {Features(FeatureLayout::kNlc)};
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    backbone_features_[7] = bad;
    const auto results = Write();
    EXPECT_EQ(ReasonOf(results[0].status()), Reason::kNonFiniteOutput);
    EXPECT_THAT(results[0].status().message(), testing::HasSubstr("backbone"));
    EXPECT_TRUE(results[1].ok()) << results[1].status();
  }
}

TEST_F(OutputWriterTest, NonFiniteValueThatNobodyAsksForHurtsNobody) {
  backbone_features_[7] = std::nanf("");
  OutputRequest summary;
  summary.summary = true;
  requests_[0] = {summary};
  EXPECT_TRUE(Write()[0].ok());
}

TEST_F(OutputWriterTest, ThreadsWriteTheSameBytes) {
  requests_[0] = {Features(FeatureLayout::kNchw), Features(FeatureLayout::kNlc)};
  requests_[1] = {Features(FeatureLayout::kNchw, DataType::kFloat16)};
  const auto serial = Write();
  const auto parallel = Write(OnTwoThreads);
  EXPECT_EQ(Floats((*serial[0])[0].features), Floats((*parallel[0])[0].features));
  EXPECT_EQ(Floats((*serial[0])[1].features), Floats((*parallel[0])[1].features));
  EXPECT_EQ(Floats((*serial[1])[0].features), Floats((*parallel[1])[0].features));
}

TEST_F(OutputWriterTest, TensorsOutliveEachOther) {
  requests_[0] = {Features(FeatureLayout::kNlc)};
  requests_[1] = {Features(FeatureLayout::kNlc)};
  std::optional<OutputTensor> kept;
  {
    auto results = Write();
    kept = (*results[1])[0].features;
  }
  EXPECT_EQ(Floats(kept).size(), 200u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(kept->data.data.data()) % 64, 0u);
}

}  // namespace
}  // namespace radio
