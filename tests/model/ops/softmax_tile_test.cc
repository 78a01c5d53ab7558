#include "model/ops/softmax_tile.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "model/ops/block_product.h"

namespace radio::ops {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

float FromBits(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

// Row `row` of a left side as block_product.h lays it out.
std::vector<uint16_t> RowOfBlock(const std::vector<uint16_t>& block, int64_t row) {
  const auto columns = static_cast<int64_t>(block.size()) / kBlockRows;
  std::vector<uint16_t> values;
  for (int64_t k = 0; k < columns; ++k) {
    const int64_t group = k / kInnerStep * kInnerStep * kBlockRows;
    values.push_back(block[static_cast<size_t>(group + row * kInnerStep + k % kInnerStep)]);
  }
  return values;
}

RowStates NewStates() {
  RowStates states;
  states.largest.fill(kNone);
  states.sum.fill(0.0f);
  return states;
}

// A tile of one row.
struct Row {
  explicit Row(std::vector<float> values)
      : scores(std::move(values)), weights(scores.size()), output(5, 3.0f) {}
  float Largest() const { return state.largest[0]; }
  float Sum() const { return state.sum[0]; }
  void Run(int64_t valid, float scale) {
    const auto columns = static_cast<int64_t>(scores.size());
    std::vector<uint16_t> block(scores.size() * kBlockRows);
    SoftmaxTile({scores.data(), 1, columns, valid, scale}, &state, output.data(), 5, block.data());
    weights = RowOfBlock(block, 0);
  }
  std::vector<float> scores;
  std::vector<uint16_t> weights;
  std::vector<float> output;
  RowStates state = NewStates();
};

std::vector<float> Random(size_t count, float spread) {
  std::mt19937 engine(5);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

TEST(SoftmaxTileTest, RowsAreIndependentAndLieAsALeftSide) {
  const std::vector<float> scores = Random(3 * 64, 2.0f);
  std::vector<float> tile = scores;
  RowStates states = NewStates();
  std::vector<float> output(3 * 5, 1.0f);
  std::vector<uint16_t> block(64 * kBlockRows);
  SoftmaxTile({tile.data(), 3, 64, 50, 0.7f}, &states, output.data(), 5, block.data());
  for (int64_t i = 0; i < 3; ++i) {
    Row alone({scores.begin() + i * 64, scores.begin() + (i + 1) * 64});
    alone.Run(50, 0.7f);
    EXPECT_EQ(RowOfBlock(block, i), alone.weights) << i;
    EXPECT_EQ(states.sum[static_cast<size_t>(i)], alone.Sum()) << i;
  }
}

TEST(SoftmaxTileTest, WeightsAreExponentials) {
  for (const float spread : {0.01f, 1.0f, 30.0f}) {
    const std::vector<float> scores = Random(512, spread);
    Row row(scores);
    row.Run(512, 0.7f);
    double largest = kNone;
    for (const float s : scores) largest = std::max(largest, double{s});
    EXPECT_EQ(row.Largest(), static_cast<float>(largest));
    double sum = 0;
    for (size_t j = 0; j < 512; ++j) {
      const double expected = std::exp(0.7 * (double{scores[j]} - largest));
      sum += expected;
      // Half a unit in the last place of bfloat16, and what float32 loses in a large argument.
      ASSERT_NEAR(FromBits(row.weights[j]), expected, expected * 0.004 + 1e-30) << scores[j];
    }
    EXPECT_NEAR(row.Sum(), sum, sum * 1e-5);
  }
}

TEST(SoftmaxTileTest, ColumnsBeyondValidDoNotCount) {
  Row full(Random(32, 1.0f));
  Row padded(Random(32, 1.0f));
  padded.scores.resize(64, 1000.0f);
  padded.weights.resize(64);
  full.Run(32, 1.0f);
  padded.Run(32, 1.0f);
  EXPECT_FLOAT_EQ(padded.Sum(), full.Sum());
  EXPECT_EQ(padded.Largest(), full.Largest());
}

TEST(SoftmaxTileTest, TwoTilesAreOneSoftmax) {
  const std::vector<float> scores = Random(64, 3.0f);
  Row whole(scores);
  whole.Run(64, 1.0f);
  Row parts({scores.begin(), scores.begin() + 32});
  parts.Run(32, 1.0f);
  const float before = parts.Largest();
  parts.scores.assign(scores.begin() + 32, scores.end());
  parts.output.assign(5, 2.0f);
  parts.Run(32, 1.0f);
  EXPECT_EQ(parts.Largest(), whole.Largest());
  EXPECT_NEAR(parts.Sum(), whole.Sum(), whole.Sum() * 1e-6);
  // What had been summed before shrinks with the old weights.
  EXPECT_FLOAT_EQ(parts.output[0], 2.0f * std::exp(before - parts.Largest()));
}

TEST(SoftmaxTileTest, FirstTileForgetsTheOutput) {
  Row row(Random(32, 1.0f));
  row.Run(32, 1.0f);
  EXPECT_THAT(row.output, testing::Each(0.0f));
}

TEST(SoftmaxTileTest, NanStaysNan) {
  Row row(Random(64, 1.0f));
  row.scores[37] = std::nanf("");
  row.Run(64, 1.0f);
  EXPECT_TRUE(std::isnan(FromBits(row.weights[37])));
  EXPECT_TRUE(std::isnan(row.Sum()));
  EXPECT_FALSE(std::isnan(FromBits(row.weights[36])));
}

TEST(SoftmaxTileTest, FarSmallerScoresWeighNothing) {
  std::vector<float> scores(32, -1e30f);
  scores[3] = 5.0f;
  Row row(scores);
  row.Run(32, 1.0f);
  EXPECT_FLOAT_EQ(row.Sum(), 1.0f);
  EXPECT_EQ(FromBits(row.weights[3]), 1.0f);
  EXPECT_LT(FromBits(row.weights[4]), 1e-37f);
  // No denormal number: those take a processor a hundred times as long.
  EXPECT_GE(FromBits(row.weights[4]), std::numeric_limits<float>::min());
}

TEST(SoftmaxTileTest, RowsAreDividedByTheirSums) {
  constexpr int64_t kChannels = 32;
  constexpr int64_t kStride = 40;
  RowStates states = NewStates();
  states.sum[0] = 2.0f;
  states.sum[1] = 0.5f;
  const std::vector<float> output = Random(2 * kChannels, 1.0f);
  for (const int64_t count : {int64_t{5}, int64_t{16}, int64_t{24}, kChannels}) {
    std::vector<uint16_t> target(2 * kStride, 7);
    DivideRows(states, output.data(), 2, kChannels, count, target.data(), kStride);
    for (int64_t i = 0; i < 2 * kStride; ++i) {
      const int64_t row = i / kStride;
      const int64_t channel = i % kStride;
      const uint16_t bits = target[static_cast<size_t>(i)];
      if (channel >= count) {
        EXPECT_EQ(bits, 7) << i;
        continue;
      }
      const float expected = output[static_cast<size_t>(row * kChannels + channel)] /
                             states.sum[static_cast<size_t>(row)];
      EXPECT_NEAR(FromBits(bits), expected, std::abs(expected) * 0.004f) << i;
    }
  }
}

}  // namespace
}  // namespace radio::ops
