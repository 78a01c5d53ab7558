#include "model/preprocess/resize_kernels.h"

#include <gmock/gmock.h>

#include <random>
#include <vector>

namespace radio {
namespace {

constexpr int kPairs = kRowsAtOnce / 2;

// What one horizontal pass over `rows` gives, padding cut off.
std::vector<int16_t> ResizeRows(const ResizeKernels& kernels, const ResizeTaps& taps,
                                const std::vector<uint8_t>& rows, size_t row_bytes) {
  const size_t samples = size_t{2} * kChannels * taps.out;
  std::vector<int16_t> out((samples + kRowPadding) * kPairs);
  std::vector<RowBlock> room(RowBlocks(taps.in));
  std::vector<const uint8_t*> from;
  std::vector<int16_t*> to;
  for (int i = 0; i < kRowsAtOnce; ++i) from.push_back(rows.data() + row_bytes * i);
  for (int i = 0; i < kPairs; ++i) to.push_back(out.data() + (samples + kRowPadding) * i);
  kernels.resize_rows(taps, from.data(), to.data(), room.data());
  std::vector<int16_t> result;
  for (const int16_t* pair : to) result.insert(result.end(), pair, pair + samples);
  return result;
}

class Avx2KernelsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (Avx2Kernels() == nullptr) GTEST_SKIP() << "this machine has no AVX2";
  }

  std::vector<uint8_t> RandomBytes(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_() % 4 ? random_() : 255);
    return bytes;
  }

  std::mt19937 random_{99};
};

TEST_F(Avx2KernelsTest, TheHorizontalPassGivesThePortableNumbers) {
  for (const auto& [in, out] : std::vector<std::pair<int, int>>{{1, 1},
                                                                {1, 9},
                                                                {2, 5},
                                                                {3, 2},
                                                                {5, 40},
                                                                {64, 64},
                                                                {97, 40},
                                                                {97, 200},
                                                                {999, 31},
                                                                {1023, 1}}) {
    const ResizeTaps taps = MakeBicubicTaps(in, out);
    const size_t row_bytes = size_t{kChannels} * in + kRowPadding;
    const std::vector<uint8_t> rows = RandomBytes(row_bytes * kRowsAtOnce);
    EXPECT_TRUE(ResizeRows(*Avx2Kernels(), taps, rows, row_bytes) ==
                ResizeRows(PortableKernels(), taps, rows, row_bytes))
        << in << " to " << out;
  }
}

TEST_F(Avx2KernelsTest, TheVerticalPassGivesThePortableNumbers) {
  for (const size_t samples : {1, 3, 31, 32, 33, 96, 100}) {
    for (const int in : {1, 8, 50}) {
      const ResizeTaps taps = MakeBicubicTaps(in, 7);
      std::vector<std::vector<int16_t>> rows;
      std::vector<const int16_t*> pairs;
      for (int k = 0; k < taps.pairs; ++k) {
        const std::vector<uint8_t> bytes = RandomBytes(2 * (samples + kRowPadding));
        rows.emplace_back(bytes.begin(), bytes.end());
      }
      for (const std::vector<int16_t>& row : rows) pairs.push_back(row.data());
      for (int y = 0; y < taps.out; ++y) {
        std::vector<uint8_t> fast(samples + kRowPadding);
        std::vector<uint8_t> portable(samples);
        Avx2Kernels()->sum_pairs(taps.weights_of(y), pairs.data(), taps.pairs, samples,
                                 fast.data());
        PortableKernels().sum_pairs(taps.weights_of(y), pairs.data(), taps.pairs, samples,
                                    portable.data());
        fast.resize(samples);
        EXPECT_TRUE(fast == portable) << samples << " samples, row " << y;
      }
    }
  }
}

}  // namespace
}  // namespace radio
