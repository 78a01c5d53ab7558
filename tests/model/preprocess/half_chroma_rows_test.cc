#include "model/preprocess/half_chroma_rows.h"

#include <gmock/gmock.h>

#include <random>

#include "model/preprocess/image_decoder.h"
#include "tests/testing/encode_image.h"
#include "tests/testing/libjpeg.h"

namespace radio {
namespace {

// Colours at full strength in spots of two by two pixels.
RgbImage Confetti(Size size, std::mt19937* random) {
  RgbImage image{size, {}};
  std::vector<uint8_t> row;
  for (int y = 0; y < size.height; ++y) {
    if (y % 2 == 0) {
      row.clear();
      for (int x = 0; x < size.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          row.push_back(x % 2 == 0 ? static_cast<uint8_t>((*random)() % 2 * 255)
                                   : row[row.size() - 3]);
        }
      }
    }
    image.pixels.insert(image.pixels.end(), row.begin(), row.end());
  }
  return image;
}

TEST(HalfChromaRowsTest, FilesOfEverySizeGiveLibjpegsPixels) {
  std::mt19937 random(3);
  for (const bool progressive : {false, true}) {
    JpegOptions options;
    options.progressive = progressive;
    for (const int height : {1, 2, 3, 15, 16, 17, 31, 32, 33, 34, 50, 97}) {
      for (const int width : {1, 4, 5, 6, 7, 15, 16, 17, 31, 33, 63, 64, 65, 66, 127, 130, 200}) {
        const Encoded jpeg = EncodeJpeg(Confetti({height, width}, &random), options);
        RgbImage want;
        DecodeWithLibjpeg(jpeg, &want);
        const absl::StatusOr<RgbImage> image = DecodeImage(jpeg, {});
        ASSERT_TRUE(image.ok()) << image.status();
        EXPECT_EQ(MaxDifference(*image, want), 0) << height << " x " << width;
      }
    }
  }
}

}  // namespace
}  // namespace radio
