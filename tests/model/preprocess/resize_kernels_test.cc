#include "model/preprocess/resize_kernels.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

#include "model/preprocess/resize.h"

namespace radio {
namespace {

RgbImage Resize(const RgbImage& image, Size size, const ResizeKernels& kernels) {
  StreamResizer resizer(image.size, size, kernels);
  const ptrdiff_t row_bytes = ptrdiff_t{kChannels} * image.size.width;
  for (auto row = image.pixels.begin(); row != image.pixels.end(); row += row_bytes) {
    std::copy_n(row, row_bytes, resizer.NextRow());
  }
  return resizer.Finish();
}

struct Machine {
  std::string name;
  const ResizeKernels* (*kernels)();
};

class FastKernelsTest : public testing::TestWithParam<Machine> {
 protected:
  void SetUp() override {
    if (GetParam().kernels() == nullptr) GTEST_SKIP() << "this machine has no " << GetParam().name;
  }

  // The extremes are likelier than others: they make sums overshoot.
  RgbImage RandomImage(Size size) {
    RgbImage image{size, std::vector<uint8_t>(size_t{kChannels} * size.height * size.width)};
    for (uint8_t& sample : image.pixels) {
      const std::array<uint8_t, 4> choice = {0, 255, static_cast<uint8_t>(random_()), 254};
      sample = choice[random_() % choice.size()];
    }
    return image;
  }

  void ExpectPortablePixels(Size from, Size to) {
    const RgbImage image = RandomImage(from);
    EXPECT_TRUE(Resize(image, to, *GetParam().kernels()).pixels ==
                Resize(image, to, PortableKernels()).pixels)
        << from.height << " x " << from.width << " to " << to.height << " x " << to.width;
  }

  std::mt19937 random_{99};
};

INSTANTIATE_TEST_SUITE_P(Machines, FastKernelsTest,
                         testing::Values(Machine{"AVX2", &Avx2Kernels},
                                         Machine{"AVX512", &Avx512Kernels}),
                         [](const auto& info) { return info.param.name; });

TEST_P(FastKernelsTest, GiveThePortablePixelsAtEveryScale) {
  const std::vector<std::pair<int, int>> sides = {
      {1, 1},  {1, 9},   {2, 5},   {3, 2},    {5, 40},   {16, 16},  {17, 16}, {64, 64},
      {97, 4}, {97, 40}, {97, 90}, {97, 200}, {200, 97}, {999, 31}, {1023, 1}};
  for (const auto& [in, out] : sides) {
    ExpectPortablePixels({5, in}, {4, out});
    ExpectPortablePixels({in, 5}, {out, 4});
  }
}

TEST_P(FastKernelsTest, GiveThePortablePixelsOfRandomSizes) {
  for (int round = 0; round < 200; ++round) {
    const auto side = [&] { return 1 + static_cast<int>(random_() % (random_() % 8 ? 50 : 500)); };
    const Size from{side(), side()};
    ExpectPortablePixels(from, {side(), side()});
  }
}

// Each part of the weights sums up to the most that the file formats' sides allow.
TEST_P(FastKernelsTest, NoSumOverflowsAtTheLargestScale) {
  for (const Size from : {Size{1, 16384}, Size{16384, 1}}) {
    const RgbImage white{from, std::vector<uint8_t>(size_t{kChannels} * 16384, 255)};
    for (const Size to : {Size{1, 1}, Size{2, 3}}) {
      EXPECT_THAT(Resize(white, to, *GetParam().kernels()).pixels, testing::Each(255));
    }
    ExpectPortablePixels(from, {1, 1});
  }
}

}  // namespace
}  // namespace radio
