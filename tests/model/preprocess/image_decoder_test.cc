#include "model/preprocess/image_decoder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "model/errors.h"
#include "model/preprocess/resize.h"
#include "tests/testing/encode_image.h"

namespace radio {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::filesystem::path kFolder = "tests/testdata/preprocess/decode";
constexpr Size kSize{37, 53};

std::vector<std::string> Fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".ppm") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<RgbImage> Decode(const Encoded& encoded) { return DecodeImage(encoded, {}); }

class PillowFixtureTest : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path path() const { return kFolder / GetParam(); }
  Encoded encoded() const { return ReadTestFile(path()); }
};

TEST_P(PillowFixtureTest, DecodesToPillowsPixels) {
  const absl::StatusOr<RgbImage> image = Decode(encoded());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(MaxDifference(*image, ReadPpm(path().replace_extension(".ppm"))), 0);
}

TEST_P(PillowFixtureTest, TheHeaderAgreesWithTheDecodedImage) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(encoded(), {});
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->size, ReadPpm(path().replace_extension(".ppm")).size);
  const ImageFormat want = path().extension() == ".jpg"   ? ImageFormat::kJpeg
                           : path().extension() == ".png" ? ImageFormat::kPng
                                                          : ImageFormat::kWebp;
  EXPECT_EQ(header->format, want);
}

TEST_P(PillowFixtureTest, DecodingAndResizingInOneGivesTheSameBytes) {
  for (const Size size : {Size{16, 32}, Size{64, 48}, Size{37, 53}, Size{8, 100}, Size{80, 16}}) {
    const absl::StatusOr<RgbImage> image = DecodeAndResize(encoded(), {}, size);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(MaxDifference(*image, ResizeBicubic(*Decode(encoded()), size)), 0);
  }
}

TEST_P(PillowFixtureTest, BytesAfterTheImageDoNotMatter) {
  Encoded longer = encoded();
  longer.resize(longer.size() + 5000);
  const absl::StatusOr<RgbImage> image = Decode(longer);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(MaxDifference(*image, *Decode(encoded())), 0);
}

INSTANTIATE_TEST_SUITE_P(Files, PillowFixtureTest, testing::ValuesIn(Fixtures()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param.substr(0, info.param.find('.'));
                         });

TEST(ImageDecoderTest, TheFixturesAreAllThere) { EXPECT_THAT(Fixtures(), SizeIs(42)); }

TEST(ImageDecoderTest, AnotherPictureDoesNotPassForTheWantedOne) {
  const absl::StatusOr<RgbImage> image = Decode(ReadTestFile(kFolder / "jpeg_low_quality.jpg"));
  ASSERT_TRUE(image.ok());
  EXPECT_GT(MaxDifference(*image, ReadPpm(kFolder / "jpeg_420.ppm")), 5);
}

TEST(ImageDecoderTest, AdobesTwoWaysOfStoringInkGiveThePicture) {
  const RgbImage picture = MakePicture(kSize);
  for (const bool transform : {false, true}) {
    JpegOptions options;
    options.quality = 100;
    options.cmyk = true;
    options.transform_cmyk = transform;
    const absl::StatusOr<RgbImage> image = Decode(EncodeJpeg(picture, options));
    ASSERT_TRUE(image.ok()) << image.status();
    // Colours keep half the resolution, so that edges differ; inverted colours would be far off.
    double sum = 0;
    for (size_t i = 0; i < picture.pixels.size(); ++i) {
      sum += std::abs(image->pixels[i] - picture.pixels[i]);
    }
    EXPECT_LE(sum / static_cast<double>(picture.pixels.size()), 2.0);
  }
}

TEST(ImageDecoderTest, InterlacedPngsOfEverySmallSizeAreWhole) {
  for (int height = 1; height <= 17; ++height) {
    for (int width = 1; width <= 17; ++width) {
      const RgbImage picture = MakePicture({height, width});
      const absl::StatusOr<RgbImage> image = Decode(EncodePng(picture, /*interlaced=*/true));
      ASSERT_TRUE(image.ok()) << height << " x " << width << ": " << image.status();
      ASSERT_EQ(MaxDifference(*image, picture), 0) << height << " x " << width;
    }
  }
}

TEST(ImageDecoderTest, TheOrientationOfEveryFormatIsReported) {
  const std::vector<std::pair<std::string, int>> files = {
      {"jpeg_orientation_6.jpg", 6}, {"png_orientation_6.png", 6}, {"webp_orientation_8.webp", 8}};
  for (const auto& [name, orientation] : files) {
    const absl::StatusOr<ImageHeader> header = ReadImageHeader(ReadTestFile(kFolder / name), {});
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->orientation, orientation);
    EXPECT_EQ(header->size, (Size{kSize.width, kSize.height}));
  }
}

TEST(ImageDecoderTest, BrokenExifMeansUpright) {
  JpegOptions options;
  options.exif = MakeExif(6);
  options.exif.resize(12);
  const absl::StatusOr<ImageHeader> header =
      ReadImageHeader(EncodeJpeg(MakePicture(kSize), options), {});
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->orientation, 1);
  EXPECT_EQ(header->size, kSize);
}

TEST(ImageDecoderTest, FilesThatAreNoneOfTheFormatsAreUndecodable) {
  const std::vector<std::string> others = {
      "",     "GIF89a",   "BM",    std::string("II*\0", 4), "RIFF\4\1\1\1WAVE",
      "RIFF", "\xFF\xD8", "<svg/>"};
  for (const std::string& bytes : others) {
    const Encoded encoded(bytes.begin(), bytes.end());
    EXPECT_EQ(ReasonOf(Decode(encoded).status()), Reason::kImageUndecodable) << bytes;
    EXPECT_EQ(ReasonOf(ReadImageHeader(encoded, {}).status()), Reason::kImageUndecodable) << bytes;
  }
}

TEST(ImageDecoderTest, LimitsAreCheckedInEveryFormat) {
  const RgbImage picture = MakePicture(kSize);
  for (const Encoded& encoded : {EncodeJpeg(picture), EncodePng(picture),
                                 EncodeLosslessWebp(picture), EncodeLossyWebp(picture)}) {
    const auto reason = [&](const DecodeLimits& limits) {
      const absl::Status status = DecodeImage(encoded, limits).status();
      EXPECT_EQ(ReadImageHeader(encoded, limits).status(), status);
      return ReasonOf(status);
    };
    DecodeLimits limits;
    limits.max_bytes = static_cast<int64_t>(encoded.size());
    limits.max_side = kSize.width;
    limits.max_pixels = int64_t{kSize.height} * kSize.width;
    EXPECT_EQ(reason(limits), std::nullopt);
    DecodeLimits bytes = limits;
    bytes.max_bytes -= 1;
    DecodeLimits side = limits;
    side.max_side -= 1;
    DecodeLimits pixels = limits;
    pixels.max_pixels -= 1;
    for (const DecodeLimits& tight : {bytes, side, pixels}) {
      EXPECT_EQ(reason(tight), Reason::kImageTooLarge);
    }
  }
}

TEST(ImageDecoderTest, AMessageNamesSizeAndLimit) {
  DecodeLimits limits;
  limits.max_pixels = 1000;
  const absl::Status status = DecodeImage(EncodePng(MakePicture(kSize)), limits).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("37 x 53: more than 1000 pixels"));
}

}  // namespace
}  // namespace radio
