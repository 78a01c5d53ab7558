#include "client/spatial.h"

#include <gmock/gmock.h>

#include <cmath>

namespace radio::client {
namespace {

using ::testing::ElementsAre;

v1::Model WithStep(int step) {
  v1::Model model;
  model.set_resolution_step(step);
  return model;
}

TEST(SpatialTest, RoundsEachSideToTheNearestStepHalvesToEven) {
  const auto nearest = [](int side) {
    const Resolution size = NearestSupportedResolution(WithStep(16), side, 16);
    EXPECT_EQ(size.width, 16);
    return size.height;
  };
  EXPECT_EQ(nearest(224), 224);
  EXPECT_EQ(nearest(231), 224);
  EXPECT_EQ(nearest(233), 240);
  EXPECT_EQ(nearest(232), 224) << "14.5 steps: to the even 14";
  EXPECT_EQ(nearest(248), 256) << "15.5 steps: to the even 16";
  EXPECT_EQ(nearest(1), 16) << "at least one step";
}

// RADIO's own words: max(step, int(round(side / step) * step)), round() to even.
TEST(SpatialTest, AgreesWithRadiosFormulaEverywhere) {
  for (int step : {14, 16, 32, 224, 256}) {
    for (int side = 1; side <= 4096; ++side) {
      const int expected =
          std::max(step, static_cast<int>(std::nearbyint(static_cast<double>(side) / step)) * step);
      ASSERT_EQ(NearestSupportedResolution(WithStep(step), side, side).height, expected)
          << side << " by " << step;
    }
  }
}

v1::Tensor Features(const std::vector<int64_t>& shape) {
  // Values 0, 1, 2, ... as bytes.
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_UINT8);
  int64_t size = 1;
  for (int64_t extent : shape) {
    tensor.add_shape(extent);
    size *= extent;
  }
  for (int64_t i = 0; i < size; ++i) *tensor.mutable_data() += static_cast<char>(i);
  return tensor;
}

TEST(SpatialTest, PutsChannelsFirst) {
  for (const auto& shape : {std::vector<int64_t>{4, 3}, std::vector<int64_t>{2, 2, 3}}) {
    const v1::Tensor tensor = Features(shape);
    const auto planes = ToNchw(*TensorView::Of(tensor), 2, 2);
    ASSERT_TRUE(planes.ok()) << planes.status();
    EXPECT_THAT(*planes, ElementsAre(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11));
  }
}

TEST(SpatialTest, RefusesFeaturesOfAnotherGrid) {
  for (const auto& shape : {std::vector<int64_t>{4, 3}, std::vector<int64_t>{1, 4, 3},
                            std::vector<int64_t>{3}, std::vector<int64_t>{}}) {
    const v1::Tensor tensor = Features(shape);
    EXPECT_EQ(ToNchw(*TensorView::Of(tensor), 3, 2).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace radio::client
