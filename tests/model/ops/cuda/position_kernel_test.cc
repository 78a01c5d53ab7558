#include "model/ops/cuda/position_kernel.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/model/ops/cuda/host_launch.h"

namespace radio::ops::cuda {
namespace {

// Linear in row and column: between two cells a resized table then holds its own position.
float Plane(float row, float column, int64_t channel) {
  return 32.0f * row + column + 1024.0f * static_cast<float>(channel);
}

struct Table {
  Table(int64_t rows, int64_t columns, int64_t channels) {
    for (int64_t i = 0; i < rows * columns * channels; ++i) {
      values.push_back(Plane(static_cast<float>(i / channels / columns),
                             static_cast<float>(i / channels % columns), i % channels));
    }
    table = {values.data(), Element::kFloat32, rows, columns, channels};
  }
  std::vector<float> values;
  PositionTable table;
};

// Where cell `index` of `side` lies among `source` cells.
float Position(int64_t index, int64_t source, int64_t side, bool align_corners) {
  const float last = static_cast<float>(source - 1);
  if (align_corners) {
    return side > 1 ? static_cast<float>(index) * last / static_cast<float>(side - 1) : 0.0f;
  }
  const float middle =
      (static_cast<float>(index) + 0.5f) * static_cast<float>(source) / static_cast<float>(side) -
      0.5f;
  return std::clamp(middle, 0.0f, last);
}

struct Grid {
  int64_t height;
  int64_t width;
};

std::string FaultOf(const PositionTable& table, Grid run, unsigned blocks, Grid meant,
                    bool align_corners) {
  CountedOutput output(meant.height * meant.width * table.channels);
  OnEveryThread(blocks, [&](unsigned block, unsigned thread) {
    PositionValue<float>(table, run.height, run.width, align_corners, ItemOf(block, thread),
                         output.data());
  });
  const bool native = meant.height == table.rows && meant.width == table.columns;
  const int64_t side = std::max(meant.height, meant.width);
  return output.Fault(
      [&](int64_t i) {
        const int64_t y = i / table.channels / meant.width;
        const int64_t x = i / table.channels % meant.width;
        const float row =
            native ? static_cast<float>(y) : Position(y, table.rows, side, align_corners);
        const float column =
            native ? static_cast<float>(x) : Position(x, table.columns, side, align_corners);
        return Plane(row, column, i % table.channels);
      },
      /*tolerance=*/2e-2f);
}

TEST(PositionKernelTest, EveryValueIsWrittenOnceFromItsPlaceInTheTable) {
  const Table tables[] = {Table(9, 9, 5), Table(7, 4, 3), Table(1, 1, 2), Table(16, 16, 40)};
  for (const Table& table : tables) {
    for (const bool align_corners : {false, true}) {
      for (const Grid grid : {Grid{9, 9}, Grid{7, 4}, Grid{1, 1}, Grid{3, 20}, Grid{33, 2}}) {
        const unsigned blocks = Blocks(grid.height * grid.width * table.table.channels);
        EXPECT_EQ(FaultOf(table.table, grid, blocks, grid, align_corners), "")
            << grid.height << " x " << grid.width << " of " << table.table.rows << " x "
            << table.table.columns;
      }
    }
  }
}

// The checks above can fail.
TEST(PositionKernelTest, WrongLaunchesAndGridsAreCaught) {
  const Table table(9, 9, 5);
  const Grid grid = {11, 13};
  const unsigned blocks = Blocks(11 * 13 * 5);
  ASSERT_EQ(FaultOf(table.table, grid, blocks, grid, false), "");
  EXPECT_EQ(FaultOf(table.table, grid, blocks - 1, grid, false),
            "element 512 of 715 was written 0 times");
  EXPECT_NE(FaultOf(table.table, {11, 12}, blocks, grid, false), "");
  EXPECT_THAT(FaultOf(table.table, {12, 13}, blocks + 1, grid, false),
              testing::HasSubstr("element 715 of 715 was written 1 times"));
  PositionTable shifted = table.table;
  shifted.columns = 8;
  EXPECT_NE(FaultOf(shifted, grid, blocks, grid, false), "");
}

}  // namespace
}  // namespace radio::ops::cuda
