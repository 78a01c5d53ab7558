#include "model/ops/cuda/patchify_kernel.h"

#include <gmock/gmock.h>

#include "tests/model/ops/cuda/host_launch.h"

namespace radio::ops::cuda {
namespace {

constexpr float kMean[] = {0.5f, 0.25f, 0.125f};
constexpr float kStd[] = {0.5f, 2.0f, 0.25f};

// Pixels that hold their own offset, so that a wrong one shows.
struct Pixels {
  Pixels(int64_t height, int64_t width, bool channels_last, int64_t row_padding) {
    const int64_t line = (channels_last ? 3 * width : width) + row_padding;
    image.type = Element::kFloat32;
    image.channel_stride = channels_last ? 1 : height * line;
    image.row_stride = line;
    image.column_stride = channels_last ? 3 : 1;
    values.resize(static_cast<size_t>((channels_last ? 1 : 3) * height * line));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    image.pixels = values.data();
    image.conditioned = true;
  }
  std::vector<float> values;
  PatchifyImage image;
};

// What Patchify means, patch by patch in the order of the result.
std::vector<float> Expected(const PatchifyImage& image, int64_t patch_size) {
  std::vector<float> expected;
  for (int64_t gy = 0; gy < image.grid_height; ++gy) {
    for (int64_t gx = 0; gx < image.grid_width; ++gx) {
      for (int64_t c = 0; c < 3; ++c) {
        for (int64_t y = gy * patch_size; y < (gy + 1) * patch_size; ++y) {
          for (int64_t x = gx * patch_size; x < (gx + 1) * patch_size; ++x) {
            expected.push_back(static_cast<float>(c * image.channel_stride + y * image.row_stride +
                                                  x * image.column_stride));
          }
        }
      }
    }
  }
  return expected;
}

std::string FaultOf(const PatchifyImage& run, unsigned blocks, int64_t patch_size,
                    const std::vector<float>& expected) {
  CountedOutput output(static_cast<int64_t>(expected.size()));
  OnEveryThread(blocks, [&](unsigned block, unsigned thread) {
    PatchifyValue<float>(run, patch_size, kMean, kStd, ItemOf(block, thread), output.data());
  });
  return output.Fault([&](int64_t i) { return expected[static_cast<size_t>(i)]; });
}

TEST(PatchifyKernelTest, EveryValueIsWrittenOnceFromItsOwnPixel) {
  for (const int64_t patch_size : {1, 3, 14, 16}) {
    for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 5}, {7, 2}, {1, 9}}) {
      for (const bool channels_last : {false, true}) {
        for (const int64_t padding : {0, 5}) {
          Pixels pixels(rows * patch_size, columns * patch_size, channels_last, padding);
          pixels.image.grid_height = rows;
          pixels.image.grid_width = columns;
          const unsigned blocks = Blocks(PatchValues(pixels.image, patch_size));
          EXPECT_EQ(FaultOf(pixels.image, blocks, patch_size, Expected(pixels.image, patch_size)),
                    "")
              << rows << " x " << columns << " patches of " << patch_size;
        }
      }
    }
  }
}

TEST(PatchifyKernelTest, BytesAreScaledAndNormalised) {
  const std::vector<uint8_t> bytes = {0, 51, 255, 102, 204, 153};
  PatchifyImage image = {bytes.data(), Element::kUint8, 1, 6, 3, 1, 2, false};
  CountedOutput output(6);
  const auto run = [&] {
    OnEveryThread(1, [&](unsigned block, unsigned thread) {
      PatchifyValue<uint8_t>(image, 1, kMean, kStd, ItemOf(block, thread), output.data());
    });
  };
  run();
  EXPECT_EQ(output.Fault([&](int64_t i) {
    const size_t k = static_cast<size_t>(i);
    return (static_cast<float>(bytes[k]) / 255.0f - kMean[k % 3]) / kStd[k % 3];
  }),
            "");
}

// The checks above can fail.
TEST(PatchifyKernelTest, WrongLaunchesAndStridesAreCaught) {
  // Higher than its three rows of patches, so that five of them still read its own memory.
  Pixels pixels(5 * 14, 5 * 14, true, 5);
  pixels.image.grid_height = 3;
  pixels.image.grid_width = 5;
  const unsigned blocks = Blocks(PatchValues(pixels.image, 14));
  const std::vector<float> expected = Expected(pixels.image, 14);
  ASSERT_EQ(FaultOf(pixels.image, blocks, 14, expected), "");
  EXPECT_EQ(FaultOf(pixels.image, blocks - 1, 14, expected),
            "element 8704 of 8820 was written 0 times");
  PatchifyImage wrong = pixels.image;
  --wrong.row_stride;
  EXPECT_THAT(FaultOf(wrong, blocks, 14, expected), testing::HasSubstr("element 14 of 8820 is"));
  wrong = pixels.image;
  wrong.grid_width = 4;
  EXPECT_NE(FaultOf(wrong, blocks, 14, expected), "");
}

TEST(LaunchTest, BlocksCoverEveryItemOnceAndNoMoreThanATail) {
  for (const int64_t items : {1, 255, 256, 257, 1000}) {
    const unsigned blocks = Blocks(items);
    EXPECT_GE(ItemOf(blocks - 1, kThreads - 1), items - 1);
    EXPECT_LT(ItemOf(blocks - 1, 0), items);
  }
  EXPECT_EQ(ItemOf(0, 0), 0);
  EXPECT_EQ(ItemOf(1, 0), ItemOf(0, kThreads - 1) + 1);
  // Beyond 32 bits.
  EXPECT_EQ(ItemOf(Blocks(int64_t{1} << 33) - 1, kThreads - 1), (int64_t{1} << 33) - 1);
}

}  // namespace
}  // namespace radio::ops::cuda
