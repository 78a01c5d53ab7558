#include "model/preprocess/resize_taps.h"

#include <gmock/gmock.h>

#include <cmath>

namespace radio {
namespace {

constexpr double kOne = 1 << kFractionBits;

std::vector<double> WeightsOf(const ResizeTaps& taps, int i) {
  std::vector<double> weights;
  for (int k = 0; k < taps.pairs; ++k) {
    const TapPair& pair = taps.weights_of(i)[k];
    for (int j = 0; j < 2; ++j) {
      weights.push_back((pair.high[j] * double{1 << kLowBits} + pair.low[j]) / kOne);
    }
  }
  return weights;
}

TEST(ResizeTapsTest, EveryOutputsTapsLieInsideAndSumToOne) {
  for (const int in : {1, 2, 3, 7, 16, 97, 1000}) {
    for (const int out : {1, 2, 5, 16, 96, 97, 98, 1500}) {
      const ResizeTaps taps = MakeBicubicTaps(in, out);
      int previous = 0;
      for (int i = 0; i < out; ++i) {
        ASSERT_EQ(taps.first[i] % 2, 0);
        ASSERT_GE(taps.first[i], previous);
        ASSERT_LE(taps.first[i] + 2 * taps.pairs, in + in % 2) << in << " to " << out;
        previous = taps.first[i];
        const std::vector<double> weights = WeightsOf(taps, i);
        double sum = 0;
        for (size_t t = 0; t < weights.size(); ++t) {
          sum += weights[t];
          const bool outside = taps.first[i] + static_cast<int>(t) >= in;
          ASSERT_TRUE(!outside || weights[t] == 0);
        }
        ASSERT_NEAR(sum, 1.0, taps.pairs / kOne);
      }
    }
  }
}

TEST(ResizeTapsTest, TheSameSizeIsTheIdentity) {
  const ResizeTaps taps = MakeBicubicTaps(9, 9);
  for (int i = 0; i < 9; ++i) {
    const std::vector<double> weights = WeightsOf(taps, i);
    for (size_t t = 0; t < weights.size(); ++t) {
      EXPECT_EQ(weights[t], taps.first[i] + static_cast<int>(t) == i ? 1.0 : 0.0);
    }
  }
}

TEST(ResizeTapsTest, TwiceTheSizeHasTheCurvesValuesAtQuarterPixels) {
  const ResizeTaps taps = MakeBicubicTaps(20, 40);
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
