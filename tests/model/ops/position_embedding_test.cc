#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// Value of output pixel `index` on a line of `source` values resized to `target`, as a position.
double Position(int64_t index, int64_t source, int64_t target, bool align_corners) {
  const double i = static_cast<double>(index);
  if (align_corners) {
    return target == 1 ? 0.0
                       : i * static_cast<double>(source - 1) / static_cast<double>(target - 1);
  }
  return std::max((i + 0.5) * static_cast<double>(source) / static_cast<double>(target) - 0.5, 0.0);
}

std::vector<double> Expected(const at::Tensor& table, int64_t height, int64_t width,
                             bool align_corners) {
  const at::Tensor exact = table.to(at::kDouble);
  const auto value = exact.accessor<double, 3>();
  const int64_t rows = table.size(0);
  const int64_t columns = table.size(1);
  const int64_t side = std::max(height, width);
  std::vector<double> out;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double py = Position(y, rows, side, align_corners);
      const double px = Position(x, columns, side, align_corners);
      const int64_t y0 = std::min(static_cast<int64_t>(py), rows - 1);
      const int64_t x0 = std::min(static_cast<int64_t>(px), columns - 1);
      const int64_t y1 = std::min(y0 + 1, rows - 1);
      const int64_t x1 = std::min(x0 + 1, columns - 1);
      const double fy = py - static_cast<double>(y0);
      const double fx = px - static_cast<double>(x0);
      for (int64_t d = 0; d < table.size(2); ++d) {
        out.push_back((1 - fy) * ((1 - fx) * value[y0][x0][d] + fx * value[y0][x1][d]) +
                      fy * ((1 - fx) * value[y1][x0][d] + fx * value[y1][x1][d]));
      }
    }
  }
  return out;
}

void ExpectNear(const at::Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const at::Tensor values = actual.to(at::kDouble).flatten();
  ASSERT_EQ(values.numel(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(values.const_data_ptr<double>()[i], expected[i], tolerance) << i;
  }
}

class PositionEmbeddingTest : public testing::TestWithParam<bool> {};

TEST_P(PositionEmbeddingTest, IsTheCropOfTheSquareResize) {
  // Smaller and larger than the table, wide and tall, one token, odd channel counts.
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
           {3, 5}, {5, 3}, {1, 1}, {9, 4}, {13, 7}, {7, 30}, {1, 9}}) {
    const at::Tensor table = at::randn({9, 9, 37});
    ExpectNear(PositionEmbedding(table, {height}, {width}, GetParam()),
               Expected(table, height, width, GetParam()), 1e-5);
  }
}

TEST_P(PositionEmbeddingTest, TableNeedNotBeSquare) {
  const at::Tensor table = at::randn({6, 11, 8});
  ExpectNear(PositionEmbedding(table, {5}, {8}, GetParam()), Expected(table, 5, 8, GetParam()),
             1e-5);
}

TEST_P(PositionEmbeddingTest, NativeGridIsTheTableItself) {
  const at::Tensor table = at::randn({6, 11, 8});
  EXPECT_TRUE(PositionEmbedding(table, {6}, {11}, GetParam()).equal(table.view({-1, 8})));
}

TEST_P(PositionEmbeddingTest, GridsArePackedInOrder) {
  const at::Tensor table = at::randn({8, 8, 16});
  const at::Tensor packed = PositionEmbedding(table, {2, 8, 5}, {3, 8, 1}, GetParam());
  ASSERT_EQ(packed.size(0), 6 + 64 + 5);
  EXPECT_TRUE(packed.narrow(0, 0, 6).equal(PositionEmbedding(table, {2}, {3}, GetParam())));
  EXPECT_TRUE(packed.narrow(0, 6, 64).equal(PositionEmbedding(table, {8}, {8}, GetParam())));
  EXPECT_TRUE(packed.narrow(0, 70, 5).equal(PositionEmbedding(table, {5}, {1}, GetParam())));
}

TEST_P(PositionEmbeddingTest, HalfTablesAreBlendedInFloat32) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor table = at::randn({9, 9, 20}).to(type);
    const at::Tensor blended = PositionEmbedding(table, {4}, {6}, GetParam());
    EXPECT_EQ(blended.scalar_type(), type);
    EXPECT_TRUE(
        blended.equal(PositionEmbedding(table.to(at::kFloat), {4}, {6}, GetParam()).to(type)));
  }
}

TEST_P(PositionEmbeddingTest, StridedTable) {
  const at::Tensor table = at::randn({12, 9, 10}).permute({1, 2, 0});
  ExpectNear(PositionEmbedding(table, {4}, {7}, GetParam()), Expected(table, 4, 7, GetParam()),
             1e-5);
}

INSTANTIATE_TEST_SUITE_P(AlignCorners, PositionEmbeddingTest, testing::Bool());

TEST(PositionEmbeddingRulesTest, AlignCornersMatters) {
  const at::Tensor table = at::randn({9, 9, 16});
  EXPECT_GT((PositionEmbedding(table, {4}, {4}, true) - PositionEmbedding(table, {4}, {4}, false))
                .abs()
                .max()
                .item<float>(),
            0.1f);
}

TEST(PositionEmbeddingRulesTest, RefusesWhatBreaksItsRules) {
  const at::Tensor table = at::randn({9, 9, 16});
  const auto message = [](const char* text) { return ThrowsMessage<c10::Error>(HasSubstr(text)); };
  EXPECT_THAT([&] { PositionEmbedding(table[0], {4}, {4}, false); }, message("[R, C, D]"));
  EXPECT_THAT(
      [&] {
        PositionEmbedding(table, {4, 4}, {4}, false);
      },
      message("2 heights but 1 widths"));
  EXPECT_THAT([&] { PositionEmbedding(table, {4, 0}, {4, 1}, false); }, message("grid 1 is 0 x 1"));
}

}  // namespace
}  // namespace radio::ops
