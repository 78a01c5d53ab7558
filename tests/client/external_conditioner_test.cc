#include "client/external_conditioner.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

// The fake's mean is 1/2, 1/4, 1/8 and its std 1/2, 1/4, 2.
TEST(ExternalConditionerTest, NormalisesEachChannel) {
  const auto conditioner = ExternalConditioner::Of(FakeFeatureService::Facts());
  ASSERT_TRUE(conditioner.ok()) << conditioner.status();
  std::vector<float> pixels = {0, 1, 0, 1, 0, 1};
  ASSERT_TRUE(conditioner->Apply(absl::MakeSpan(pixels)).ok());
  EXPECT_THAT(pixels, ElementsAre(-1, 1, -1, 3, -0.0625f, 0.4375f));
}

TEST(ExternalConditionerTest, TurnsPixelsIntoATensorThatCanBeSent) {
  const auto conditioner = ExternalConditioner::Of(FakeFeatureService::Facts());
  const std::vector<uint8_t> rgb = {0, 255, 51, 255, 0, 0};  // Two pixels beside each other.
  const auto image = conditioner->FromRgb(rgb, 1, 2);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->tensor().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(image->tensor().shape(), ElementsAre(3, 1, 2));
  std::vector<float> values(6);
  ASSERT_EQ(image->tensor().data().size(), values.size() * sizeof(float));
  std::memcpy(values.data(), image->tensor().data().data(), values.size() * sizeof(float));
  EXPECT_THAT(values, ElementsAre(FloatEq(-1), FloatEq(1), FloatEq(3), FloatEq(-1),
                                  FloatEq(0.0375f), FloatEq(-0.0625f)));
}

TEST(ExternalConditionerTest, RefusesSizesThatDoNotAgree) {
  const auto conditioner = ExternalConditioner::Of(FakeFeatureService::Facts());
  const std::vector<uint8_t> rgb(12);
  EXPECT_FALSE(conditioner->FromRgb(rgb, 1, 3).ok());
  EXPECT_FALSE(conditioner->FromRgb(rgb, -2, -2).ok());
  EXPECT_FALSE(conditioner->FromRgb({}, 0, 0).ok());
  std::vector<float> pixels(4);
  EXPECT_FALSE(conditioner->Apply(absl::MakeSpan(pixels)).ok());
}

TEST(ExternalConditionerTest, RefusesAModelWithoutNormalisation) {
  v1::Model model = FakeFeatureService::Facts();
  model.set_std(1, 0);
  EXPECT_EQ(ExternalConditioner::Of(model).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(ExternalConditioner::Of(v1::Model()).ok());
}

}  // namespace
}  // namespace radio::client
