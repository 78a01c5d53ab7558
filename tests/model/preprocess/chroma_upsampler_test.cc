#include "model/preprocess/chroma_upsampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace radio {
namespace {

using Bytes = std::vector<uint8_t>;

// The formulas of JFIF as libjpeg computes them: 16 fractional bits.
void AppendRgb(int luma, int blue, int red, Bytes* rgb) {
  const auto append = [&](int level) {
    rgb->push_back(static_cast<uint8_t>(std::clamp(level, 0, 255)));
  };
  blue -= 128;
  red -= 128;
  append(luma + ((91881 * red + 32768) >> 16));
  append(luma + ((-22554 * blue - 46802 * red + 32768) >> 16));
  append(luma + ((116130 * blue + 32768) >> 16));
}

// A colour at pixel x: 9/16 of its own sample, 3/16 of the nearest in its column and in its row,
// 1/16 of the one across.
int Upsampled(const Bytes& own, const Bytes& other, int x) {
  const int last = static_cast<int>(own.size()) - 1;
  const int i = x / 2;
  const int neighbour = std::clamp(x % 2 == 0 ? i - 1 : i + 1, 0, last);
  const auto column = [&](int k) { return 3 * own[k] + other[k]; };
  return (3 * column(i) + column(neighbour) + (x % 2 == 0 ? 8 : 7)) >> 4;
}

class ChromaUpsamplerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!ChromaUpsampler::Supported()) GTEST_SKIP() << "this machine has no AVX-512";
  }

  static Bytes Padded(Bytes row) {
    row.resize(row.size() + kComponentPadding);
    return row;
  }
};

TEST_F(ChromaUpsamplerTest, EveryColourIsConvertedAsByLibjpeg) {
  Bytes luma(256);
  std::iota(luma.begin(), luma.end(), 0);
  luma = Padded(luma);
  ChromaUpsampler upsampler(256);
  Bytes rgb(size_t{3} * 256);
  for (int blue = 0; blue < 256; ++blue) {
    const Bytes blues = Padded(Bytes(128, static_cast<uint8_t>(blue)));
    for (int red = 0; red < 256; ++red) {
      const Bytes reds = Padded(Bytes(128, static_cast<uint8_t>(red)));
      upsampler.Convert(luma.data(), {blues.data(), blues.data()}, {reds.data(), reds.data()},
                        rgb.data());
      Bytes want;
      for (int y = 0; y < 256; ++y) AppendRgb(y, blue, red, &want);
      ASSERT_TRUE(rgb == want) << "blue " << blue << ", red " << red;
    }
  }
}

TEST_F(ChromaUpsamplerTest, RowsOfEveryWidthAreUpsampledAndNothingIsWrittenBeyond) {
  std::mt19937 random(5);
  const auto row = [&](int width) {
    Bytes bytes(width);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    return bytes;
  };
  for (int width = 5; width < 300; ++width) {
    const Bytes luma = row(width);
    const Bytes blue = row((width + 1) / 2);
    const Bytes blue_other = row((width + 1) / 2);
    const Bytes red = row((width + 1) / 2);
    const Bytes red_other = row((width + 1) / 2);
    Bytes want;
    for (int x = 0; x < width; ++x) {
      AppendRgb(luma[x], Upsampled(blue, blue_other, x), Upsampled(red, red_other, x), &want);
    }
    constexpr uint8_t kUntouched = 77;
    want.resize(want.size() + 200, kUntouched);
    Bytes rgb(want.size(), kUntouched);
    ChromaUpsampler(width).Convert(Padded(luma).data(),
                                   {Padded(blue).data(), Padded(blue_other).data()},
                                   {Padded(red).data(), Padded(red_other).data()}, rgb.data());
    EXPECT_TRUE(rgb == want) << width;
  }
}

}  // namespace
}  // namespace radio
