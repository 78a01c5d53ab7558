#include "model/preprocess/resize_taps.h"

#include <gmock/gmock.h>

#include <cmath>

namespace radio {
namespace {

constexpr double kOne = 1 << kFractionBits;

std::vector<double> WeightsOf(const ResizeTaps& taps, int i) {
  std::vector<double> weights;
  for (int k = 0; k < taps.count; ++k) weights.push_back(taps.weights_of(i)[k] / kOne);
  return weights;
}

class ResizeTapsTest : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Units, ResizeTapsTest, testing::Values(1, 2, 4));

TEST_P(ResizeTapsTest, EveryOutputsTapsLieInsideAndSumToOne) {
  const int unit = GetParam();
  for (const int in : {1, 2, 3, 7, 16, 97, 1000}) {
    for (const int out : {1, 2, 5, 16, 96, 97, 98, 1500}) {
      const ResizeTaps taps = MakeBicubicTaps(in, out, unit);
      ASSERT_EQ(taps.count % unit, 0);
      int previous = 0;
      for (int i = 0; i < out; ++i) {
        ASSERT_EQ(taps.first[i] % unit, 0);
        ASSERT_GE(taps.first[i], previous);
        ASSERT_LE(taps.first[i] + taps.count, (in + unit - 1) / unit * unit) << in << " to " << out;
        previous = taps.first[i];
        const std::vector<double> weights = WeightsOf(taps, i);
        double sum = 0;
        for (size_t t = 0; t < weights.size(); ++t) {
          sum += weights[t];
          const bool outside = taps.first[i] + static_cast<int>(t) >= in;
          ASSERT_TRUE(!outside || weights[t] == 0);
        }
        ASSERT_NEAR(sum, 1.0, taps.count / kOne);
      }
    }
  }
}

TEST_P(ResizeTapsTest, TheUnitChangesNoWeight) {
  for (const auto& [in, out] :
       std::vector<std::pair<int, int>>{{97, 40}, {40, 97}, {5, 3}, {1, 4}, {1000, 31}}) {
    const ResizeTaps plain = MakeBicubicTaps(in, out, 1);
    const ResizeTaps taps = MakeBicubicTaps(in, out, GetParam());
    for (int i = 0; i < out; ++i) {
      std::vector<int32_t> by_input(in + 4);
      for (int t = 0; t < taps.count; ++t) by_input[taps.first[i] + t] = taps.weights_of(i)[t];
      for (int t = 0; t < plain.count; ++t) {
        EXPECT_EQ(by_input[plain.first[i] + t], plain.weights_of(i)[t]) << in << " to " << out;
      }
    }
  }
}

TEST_P(ResizeTapsTest, TheSameSizeIsTheIdentity) {
  const ResizeTaps taps = MakeBicubicTaps(9, 9, GetParam());
  for (int i = 0; i < 9; ++i) {
    const std::vector<double> weights = WeightsOf(taps, i);
    for (size_t t = 0; t < weights.size(); ++t) {
      EXPECT_EQ(weights[t], taps.first[i] + static_cast<int>(t) == i ? 1.0 : 0.0);
    }
  }
}

TEST_P(ResizeTapsTest, TwiceTheSizeHasTheCurvesValuesAtQuarterPixels) {
  const ResizeTaps taps = MakeBicubicTaps(20, 40, GetParam());
  // Output 20 lies at 10.25: inputs 8 to 11 are 1.75, 0.75, 0.25 and 1.25 pixels away.
  const std::vector<double> weights = WeightsOf(taps, 20);
  const auto weight_of = [&](int input) { return weights[input - taps.first[20]]; };
  EXPECT_NEAR(weight_of(8), -0.0234375, 1 / kOne);
  EXPECT_NEAR(weight_of(9), 0.2265625, 1 / kOne);
  EXPECT_NEAR(weight_of(10), 0.8671875, 1 / kOne);
  EXPECT_NEAR(weight_of(11), -0.0703125, 1 / kOne);
}

}  // namespace
}  // namespace radio
