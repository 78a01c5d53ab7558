#include "model/preprocess/resize.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "tests/testing/encode_image.h"

namespace radio {
namespace {

RgbImage Fixture(const std::string& name) {
  return ReadPpm("tests/testdata/preprocess/resize/" + name + ".ppm");
}

class PillowResizeTest : public testing::TestWithParam<Size> {};

TEST_P(PillowResizeTest, GivesPillowsPixels) {
  const Size size = GetParam();
  const RgbImage want = Fixture(std::to_string(size.height) + "x" + std::to_string(size.width));
  EXPECT_EQ(MaxDifference(ResizeBicubic(Fixture("source"), size), want), 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PillowResizeTest,
                         testing::Values(Size{28, 40}, Size{90, 132}, Size{61, 40}, Size{28, 97},
                                         Size{1, 1}, Size{7, 200}, Size{60, 98}, Size{122, 194},
                                         Size{16, 16}),
                         [](const testing::TestParamInfo<Size>& info) {
                           return std::to_string(info.param.height) + "x" +
                                  std::to_string(info.param.width);
                         });

TEST(ResizeTest, TheComparisonTellsBicubicFromBilinear) {
  const RgbImage bicubic = ResizeBicubic(Fixture("source"), {28, 40});
  EXPECT_GT(MaxDifference(bicubic, Fixture("bilinear_28x40")), 20);
}

TEST(ResizeTest, TheSameSizeReturnsTheInputItself) {
  RgbImage image = MakePicture({20, 30});
  const uint8_t* pixels = image.pixels.data();
  EXPECT_EQ(ResizeBicubic(std::move(image), {20, 30}).pixels.data(), pixels);
}

TEST(ResizeTest, AnImageThatComesRowByRowGivesTheSame) {
  const RgbImage source = MakePicture({61, 97});
  for (const Size size : {Size{28, 40}, Size{90, 132}, Size{61, 40}, Size{60, 97}}) {
    StreamResizer resizer(source.size, size);
    for (size_t i = 0; i < source.pixels.size(); i += 97 * 3) {
      std::copy_n(&source.pixels[i], 97 * 3, resizer.NextRow());
    }
    EXPECT_EQ(MaxDifference(resizer.Finish(), ResizeBicubic(source, size)), 0);
  }
}

// libjpeg-turbo writes aligned rows past the caches, from where they would have to be read again.
TEST(ResizeTest, NoRowIsAlignedAsAVectorIs) {
  for (const int width : {1, 32, 97, 800}) {
    StreamResizer resizer({40, width}, {20, 20});
    for (int y = 0; y < 40; ++y) {
      EXPECT_NE(reinterpret_cast<uintptr_t>(resizer.NextRow()) % 32, 0) << width << ", row " << y;
    }
  }
}

TEST(ResizeTest, ThePassThatRemovesFarMoreGoesFirst) {
  EXPECT_FALSE(IsHeightFirst({61, 97}, {60, 97}));
  EXPECT_TRUE(IsHeightFirst({61, 97}, {60, 98}));
  EXPECT_FALSE(IsHeightFirst({61, 97}, {62, 98}));
  EXPECT_FALSE(IsHeightFirst({200, 300}, {100, 250}));
  EXPECT_TRUE(IsHeightFirst({200, 300}, {99, 250}));
}

TEST(ResizeTest, AFlatImageStaysFlatAtEverySize) {
  for (const uint8_t level : {0, 1, 127, 254, 255}) {
    for (const Size size : {Size{1, 1}, Size{3, 70}, Size{50, 2}, Size{33, 31}}) {
      const RgbImage flat{{17, 23}, std::vector<uint8_t>(17 * 23 * 3, level)};
      EXPECT_THAT(ResizeBicubic(flat, size).pixels, testing::Each(level));
    }
  }
}

TEST(ResizeTest, ExtremeShapesStayInBounds) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto side = [&] { return 1 + static_cast<int>(random() % (random() % 4 ? 40 : 900)); };
    const Size from{side(), side()};
    const Size to{side(), side()};
    const RgbImage image = ResizeBicubic(MakePicture(from), to);
    ASSERT_EQ(image.size, to);
    ASSERT_EQ(image.pixels.size(), size_t{3} * to.height * to.width);
  }
}

}  // namespace
}  // namespace radio
