#include "model/engine/torch/output_gather.h"

#include <ATen/ops/randn.h>
#include <gmock/gmock.h>

#include <cstring>
#include <limits>

#include "model/engine/output_writer.h"
#include "model/errors.h"

namespace radio {
namespace {

void Serially(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body) { body(0, count); }

RowMatrix MatrixOf(const at::Tensor& tensor) {
  const bool half = tensor.scalar_type() == c10::kBFloat16;
  return {tensor.const_data_ptr(), half ? DataType::kBfloat16 : DataType::kFloat32, tensor.size(1)};
}

OutputRequest Ask(int adaptor, DataType type, FeatureLayout layout, bool l2_normalize) {
  OutputRequest request;
  request.adaptor = adaptor;
  request.summary = true;
  request.features = true;
  request.data_type = type;
  request.layout = layout;
  request.l2_normalize = l2_normalize;
  return request;
}

// Three images of 6, 40 and 1 tokens; a backbone of 70 channels, an adaptor in bfloat16 that
// upsamples by 2.
class OutputGatherTest : public testing::Test {
 protected:
  OutputGatherTest() {
    spec_.patch_size = 16;
    spec_.outputs = {{"backbone", 70, 70, 1}, {"up", 9, 33, 2}};
    images_[0].size = {32, 48};
    images_[1].size = {16, 640};
    images_[2].size = {16, 16};
    result_.tensors = {
        {at::randn({3, 70}), at::randn({47, 70})},
        {at::randn({3, 9}).to(c10::kBFloat16), at::randn({188, 33}).to(c10::kBFloat16)}};
    result_.outputs.resize(2);
    for (size_t o = 0; o < 2; ++o) {
      result_.outputs[o].summary = MatrixOf(result_.tensors[o].summary);
      result_.outputs[o].features = MatrixOf(result_.tensors[o].features);
      result_.outputs[o].summary_row = {2, 0, 1};
    }
    result_.outputs[0].feature_row = {0, 6, 46};
    result_.outputs[1].feature_row = {0, 24, 184};
  }

  // GatheredOutputs, compared with WriteOutputs.
  std::vector<absl::StatusOr<ItemOutputs>> GatherAndCompare() {
    auto gathered = GatheredOutputs(spec_, batch_, result_).Answers();
    const auto written = WriteOutputs(spec_, batch_, result_.outputs, Serially);
    EXPECT_EQ(gathered.size(), written.size());
    for (size_t i = 0; i < written.size(); ++i) {
      EXPECT_EQ(gathered[i].status(), written[i].status());
      if (!written[i].ok()) continue;
      EXPECT_EQ(gathered[i]->size(), written[i]->size());
      for (size_t r = 0; r < written[i]->size(); ++r) {
        Compare((*gathered[i])[r].summary, (*written[i])[r].summary);
        Compare((*gathered[i])[r].features, (*written[i])[r].features);
      }
    }
    return gathered;
  }

  static void Compare(const std::optional<OutputTensor>& gathered,
                      const std::optional<OutputTensor>& written) {
    ASSERT_EQ(gathered.has_value(), written.has_value());
    if (!written.has_value()) return;
    EXPECT_EQ(gathered->data_type, written->data_type);
    EXPECT_EQ(gathered->shape, written->shape);
    EXPECT_EQ(gathered->data.data, written->data.data);
  }

  ModelSpec spec_;
  ImageTensor images_[3];
  std::vector<OutputRequest> requests_[3];
  const std::vector<BatchItem> batch_ = {
      {&images_[0], &requests_[0]}, {&images_[1], &requests_[1]}, {&images_[2], &requests_[2]}};
  BatchResult result_;
};

TEST_F(OutputGatherTest, AnswersAreThoseThatTheHostWrites) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat16, DataType::kBfloat16}) {
    for (const FeatureLayout layout :
         {FeatureLayout::kNlc, FeatureLayout::kNhwc, FeatureLayout::kNchw}) {
      requests_[0].push_back(Ask(0, type, layout, false));
      requests_[1].push_back(Ask(1, type, layout, false));
      requests_[2].push_back(Ask(1, type, layout, false));
      requests_[2].push_back(Ask(0, type, layout, false));
    }
  }
  const auto answers = GatherAndCompare();
  const auto* slab = static_cast<const uint8_t*>((*answers[0])[0].summary->data.data.data());
  ASSERT_NE(slab, nullptr);
  EXPECT_EQ((*answers[0])[0].summary->data.owner, (*answers[2])[3].features->data.owner);
}

TEST_F(OutputGatherTest, OnlyTheImageWithAValueThatIsNotFiniteFails) {
  result_.tensors[0].features[7][69] = std::numeric_limits<float>::infinity();
  for (auto& requests : requests_) {
    requests = {Ask(0, DataType::kFloat32, FeatureLayout::kNchw, false)};
  }
  const auto answers = GatherAndCompare();
  EXPECT_TRUE(answers[0].ok());
  EXPECT_EQ(ReasonOf(answers[1].status()), Reason::kNonFiniteOutput);
  EXPECT_TRUE(answers[2].ok());
}

TEST_F(OutputGatherTest, AnswersOutliveTheTensors) {
  requests_[1] = {Ask(0, DataType::kFloat32, FeatureLayout::kNlc, false)};
  const auto answers = GatherAndCompare();
  const float first = result_.tensors[0].features[6][0].item<float>();
  result_ = {};
  float kept;
  std::memcpy(&kept, (*answers[1])[0].features->data.data.data(), sizeof(kept));
  EXPECT_EQ(kept, first);
}

TEST_F(OutputGatherTest, NothingAskedForIsNothingGathered) {
  const auto answers = GatherAndCompare();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_TRUE(answers[0]->empty());
}

// The comparison above can fail.
TEST_F(OutputGatherTest, RowsOfAnotherImageWouldBeSeen) {
  requests_[1] = {Ask(0, DataType::kFloat32, FeatureLayout::kNlc, false)};
  const auto answers = GatherAndCompare();
  ++result_.outputs[0].feature_row[1];
  const auto shifted = GatheredOutputs(spec_, batch_, result_).Answers();
  EXPECT_NE((*answers[1])[0].features->data.data, (*shifted[1])[0].features->data.data);
}

}  // namespace
}  // namespace radio
