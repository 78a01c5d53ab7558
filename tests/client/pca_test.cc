#include "client/pca.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace radio::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

// Tokens that lie along three orthogonal directions with variances 9 : 4 : 1.
struct Example {
  static constexpr int64_t kTokens = 6;
  static constexpr int64_t kChannels = 5;
  // The answer, [tokens, 3].
  std::vector<float> colours = {3, 0, 0, -3, 0, 0, 0, 2, 0, 0, -2, 0, 0, 0, 1, 0, 0, -1};
  std::vector<float> features;

  Example() {
    // Unit vectors; the largest loading of each is positive.
    const float r = std::sqrt(0.5f);
    const float directions[3][kChannels] = {
        {0.6f, 0, 0.8f, 0, 0}, {0, 1, 0, 0, 0}, {0, 0, 0, -r, r}};
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t c = 0; c < kChannels; ++c) {
        float value = 10;  // The mean does not matter.
        for (int i = 0; i < 3; ++i) value += colours[t * 3 + i] * directions[i][c];
        features.push_back(value);
      }
    }
  }
};

TEST(PcaTest, FindsTheDirectionsOfAKnownExample) {
  Example example;
  const auto colours = PrincipalComponents(example.features, Example::kTokens, Example::kChannels);
  ASSERT_EQ(colours.size(), example.colours.size());
  for (size_t i = 0; i < colours.size(); ++i) {
    // Both loadings of the third direction are of one size: its sign is not fixed.
    const float expected = example.colours[i];
    const float value = i % 3 == 2 ? std::abs(colours[i]) : colours[i];
    EXPECT_NEAR(value, i % 3 == 2 ? std::abs(expected) : expected, 1e-5) << i;
  }
}

TEST(PcaTest, MoreTokensThanChannelsGivesTheSame) {
  Example example;
  std::vector<float> twice = example.features;
  twice.insert(twice.end(), example.features.begin(), example.features.end());
  const auto once = PrincipalComponents(example.features, Example::kTokens, Example::kChannels);
  const auto both = PrincipalComponents(twice, 2 * Example::kTokens, Example::kChannels);
  for (size_t i = 0; i < once.size(); ++i) {
    // The third direction's sign is not fixed here.
    const float expected = i % 3 == 2 && both[i] * once[i] < 0 ? -once[i] : once[i];
    EXPECT_NEAR(both[i], expected, 1e-5) << i;
  }
}

TEST(PcaTest, WideAndTallProblemsAgree) {
  // The same 40 points in 30 dimensions (tall), and with zeros in 60 (wide).
  std::minstd_rand random(7);
  std::normal_distribution<float> normal;
  std::vector<float> tall;
  std::vector<float> wide;
  for (int t = 0; t < 40; ++t) {
    for (int c = 0; c < 60; ++c) {
      const float value = c < 30 ? normal(random) * (1.0f + 3.0f * static_cast<float>(c % 7)) : 0;
      wide.push_back(value);
      if (c < 30) tall.push_back(value);
    }
  }
  EXPECT_THAT(PrincipalComponents(wide, 40, 60),
              Pointwise(FloatNear(1e-3f), PrincipalComponents(tall, 40, 30)));
}

TEST(PcaTest, MissingDirectionsAreZero) {
  EXPECT_THAT(PrincipalComponents(std::vector<float>{5, 5, 5, 5}, 2, 2), Each(0));
  EXPECT_THAT(PrincipalComponents(std::vector<float>{1, 3}, 2, 1), ElementsAre(-1, 0, 0, 1, 0, 0));
  EXPECT_THAT(PrincipalComponents(std::vector<float>{1, 2, 3}, 1, 3), ElementsAre(0, 0, 0));
}

// median 2, distances {2, 1, 0, 1, 98}, their median 1: inliers are nearer than 2.
TEST(PcaTest, OutliersDoNotSetTheScale) {
  std::vector<float> colours;
  for (float value : {0, 1, 2, 3, 100}) colours.insert(colours.end(), {value, value, 7});
  ScaleRobustly(&colours);
  EXPECT_THAT(colours, ElementsAre(0, 0, 0, 0, 0, 0, 0.5f, 0.5f, 0, 1, 1, 0, 1, 1, 0));
}

TEST(PcaTest, MedianOfAnEvenCountIsTheLowerMiddle) {
  // Median 1 of {0, 1, 2, 3}; distances {1, 0, 1, 2}, median 1; 3 is an outlier.
  std::vector<float> colours;
  for (float value : {0, 1, 2, 3}) colours.insert(colours.end(), {value, 0, 0});
  ScaleRobustly(&colours);
  EXPECT_EQ(colours[3], 0.5f);
  EXPECT_EQ(colours[6], 1.0f);
  EXPECT_EQ(colours[9], 1.0f);
}

TEST(PcaTest, PaintsBilinearly) {
  // One row of two tokens, black and white red.
  const std::vector<float> colours = {0, 0, 0, 1, 0, 0};
  const Picture picture = Paint(colours, 1, 2, 1, 4);
  std::vector<int> red;
  for (int x = 0; x < 4; ++x) red.push_back(picture.rgb[x * 3]);
  // Centres of the four pixels lie at -0.25, 0.25, 0.75 and 1.25 tokens.
  EXPECT_THAT(red, ElementsAre(0, 64, 191, 255));
}

TEST(PcaTest, PicturesStandSideBySideOnWhite) {
  const Picture tall = {2, 1, {1, 1, 1, 2, 2, 2}};
  const Picture small = {1, 2, {3, 3, 3, 4, 4, 4}};
  const Picture both = SideBySide({tall, small});
  ASSERT_EQ(both.height, 2);
  ASSERT_EQ(both.width, 1 + 8 + 2);
  const auto red = [&](int y, int x) { return both.rgb[(y * both.width + x) * 3]; };
  EXPECT_EQ(red(0, 0), 1);
  EXPECT_EQ(red(1, 0), 2);
  EXPECT_EQ(red(0, 9), 3);
  EXPECT_EQ(red(0, 10), 4);
  for (int x = 1; x < 9; ++x) EXPECT_EQ(red(0, x), 255);
  for (int x = 1; x < 11; ++x) EXPECT_EQ(red(1, x), 255);
}

TEST(PcaTest, PaintsATokenAsItIsAtItsOwnSize) {
  const std::vector<float> colours = {0, 0.2f, 1, 1, 0.4f, 0};
  const Picture picture = Paint(colours, 2, 1, 2, 1);
  EXPECT_EQ(picture.height, 2);
  EXPECT_EQ(picture.width, 1);
  EXPECT_THAT(picture.rgb, ElementsAre(0, 51, 255, 255, 102, 0));
}

TEST(PcaTest, EncodesAPngOfTheRightSize) {
  const std::string png = EncodePng(Picture{2, 3, std::vector<uint8_t>(18, 200)});
  EXPECT_EQ(png.substr(0, 8), std::string("\x89PNG\r\n\x1a\n", 8));
  EXPECT_EQ(png.substr(12, 12), std::string("IHDR\0\0\0\3\0\0\0\2", 12));
}

}  // namespace
}  // namespace radio::client
