#include "model/model_spec.h"

#include <gmock/gmock.h>

#include "model/errors.h"

namespace radio {
namespace {

using ::testing::HasSubstr;

ModelSpec MakeSpec(int step, int max_resolution) {
  ModelSpec spec;
  spec.resolution_step = step;
  spec.max_resolution = max_resolution;
  return spec;
}

// Python's max(step, int(round(side / step) * step)) in whole numbers: a half goes to the even
// number of steps.
int PythonNearest(int side, int step) {
  const int below = side / step;
  const int twice_rest = 2 * (side % step);
  const bool up = twice_rest > step || (twice_rest == step && below % 2 == 1);
  return std::max(step, (below + (up ? 1 : 0)) * step);
}

TEST(NearestSupportedSizeTest, EqualsPythonsRoundingForEverySideUpTo4096) {
  for (const int step : {14, 16, 28, 32, 64, 256}) {
    const ModelSpec spec = MakeSpec(step, 8192);
    for (int side = 1; side <= 4096; ++side) {
      const Size nearest = NearestSupportedSize(spec, {side, 4097 - side});
      ASSERT_EQ(nearest.height, PythonNearest(side, step)) << side << " by " << step;
      ASSERT_EQ(nearest.width, PythonNearest(4097 - side, step));
    }
  }
}

// Printed by Python's round(), so that a mistake in PythonNearest shows.
TEST(NearestSupportedSizeTest, EqualsValuesThatPythonPrinted) {
  const std::vector<std::pair<int, int>> step_16 = {{7, 16},    {8, 16},    {24, 32},    {40, 32},
                                                    {56, 64},   {72, 64},   {88, 96},    {100, 96},
                                                    {378, 384}, {393, 400}, {1080, 1088}};
  for (const auto& [side, want] : step_16) {
    EXPECT_EQ(NearestSupportedSize(MakeSpec(16, 2048), {side, side}), (Size{want, want})) << side;
  }
  const std::vector<std::pair<int, int>> step_14 = {{7, 14},    {21, 28},     {35, 28},
                                                    {378, 378}, {480, 476},   {640, 644},
                                                    {720, 714}, {1080, 1078}, {1280, 1274}};
  for (const auto& [side, want] : step_14) {
    EXPECT_EQ(NearestSupportedSize(MakeSpec(14, 2048), {side, side}), (Size{want, want})) << side;
  }
}

TEST(NearestSupportedSizeTest, LongSidesGoToTheLargestMultipleWithinTheMaximum) {
  EXPECT_EQ(NearestSupportedSize(MakeSpec(14, 1024), {5000, 20}), (Size{1022, 14}));
  EXPECT_EQ(NearestSupportedSize(MakeSpec(256, 100), {5000, 20}), (Size{256, 256}));
}

TEST(NearestSupportedSideTest, AFractionOfAPixelCounts) {
  const ModelSpec spec = MakeSpec(16, 2048);
  EXPECT_EQ(NearestSupportedSide(spec, 359.99), 352);
  EXPECT_EQ(NearestSupportedSide(spec, 360.0), 352);
  EXPECT_EQ(NearestSupportedSide(spec, 360.01), 368);
}

TEST(CheckSupportedTest, TakesEverySizeThatNearestSupportedSizeGives) {
  const ModelSpec spec = MakeSpec(14, 1024);
  for (int side = 1; side < 1500; ++side) {
    const Size nearest = NearestSupportedSize(spec, {side, 1500 - side});
    EXPECT_TRUE(CheckSupported(spec, nearest).ok());
  }
}

TEST(CheckSupportedTest, RefusalsNameRuleValueAndNearestSize) {
  const auto message = [](Size size) {
    const absl::Status status = CheckSupported(MakeSpec(16, 1024), size);
    EXPECT_EQ(ReasonOf(status), Reason::kResolutionUnsupported);
    return std::string(status.message());
  };
  EXPECT_THAT(message({225, 224}),
              HasSubstr("225 x 224: side 225 is not a positive multiple of 16"));
  EXPECT_THAT(message({225, 224}), HasSubstr("nearest supported size is 224 x 224"));
  EXPECT_THAT(message({224, 1040}), HasSubstr("side 1040 is longer than 1024"));
  EXPECT_THAT(message({0, 224}), HasSubstr("nearest supported size is 16 x 224"));
  EXPECT_THAT(message({-16, 224}), HasSubstr("side -16"));
}

}  // namespace
}  // namespace radio
