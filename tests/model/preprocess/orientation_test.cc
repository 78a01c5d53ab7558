#include "model/preprocess/orientation.h"

#include <gmock/gmock.h>

#include <array>

namespace radio {
namespace {

using ::testing::ElementsAreArray;

// An image whose pixels are (v, v + 100, v + 200) for v in `values`.
RgbImage MakeImage(Size size, const std::vector<int>& values) {
  RgbImage image{size, {}};
  for (const int v : values) {
    for (const int offset : {0, 100, 200}) image.pixels.push_back(static_cast<uint8_t>(v + offset));
  }
  return image;
}

TEST(OrientationTest, EachOfTheEightTurnsAsExifDefinesIt) {
  // 0 1 2
  // 3 4 5
  const RgbImage stored = MakeImage({2, 3}, {0, 1, 2, 3, 4, 5});
  const std::array<std::vector<int>, 8> want = {{
      {0, 1, 2, 3, 4, 5},
      {2, 1, 0, 5, 4, 3},
      {5, 4, 3, 2, 1, 0},
      {3, 4, 5, 0, 1, 2},
      {0, 3, 1, 4, 2, 5},
      {3, 0, 4, 1, 5, 2},
      {5, 2, 4, 1, 3, 0},
      {2, 5, 1, 4, 0, 3},
  }};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Size size = orientation >= 5 ? Size{3, 2} : Size{2, 3};
    EXPECT_EQ(UprightSize(stored.size, orientation), size);
    const RgbImage upright = ApplyOrientation(stored, orientation);
    EXPECT_EQ(upright.size, size);
    EXPECT_THAT(upright.pixels, ElementsAreArray(MakeImage(size, want[orientation - 1]).pixels))
        << "orientation " << orientation;
  }
}

TEST(OrientationTest, TurningBackGivesTheImageAgainAtSizesThatFillNoBlock) {
  RgbImage image{{67, 101}, std::vector<uint8_t>(67 * 101 * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 31);
  const std::array<int, 8> back = {1, 2, 3, 4, 5, 8, 7, 6};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const RgbImage turned = ApplyOrientation(image, orientation);
    const RgbImage again = ApplyOrientation(turned, back[orientation - 1]);
    EXPECT_EQ(again.size, image.size);
    EXPECT_TRUE(again.pixels == image.pixels) << "orientation " << orientation;
  }
}

TEST(OrientationTest, AnUprightImageIsNotCopied) {
  RgbImage image = MakeImage({1, 2}, {1, 2});
  const uint8_t* pixels = image.pixels.data();
  EXPECT_EQ(ApplyOrientation(std::move(image), 1).pixels.data(), pixels);
}

}  // namespace
}  // namespace radio
