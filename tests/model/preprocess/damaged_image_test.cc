// Damaged, hostile and oversize files are refused with the right reason, in bounded time and
// memory.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "model/errors.h"
#include "model/preprocess/image_decoder.h"
#include "tests/testing/encode_image.h"

namespace radio {
namespace {

constexpr Size kSize{24, 32};

absl::StatusOr<RgbImage> Decode(const Encoded& encoded) { return DecodeImage(encoded, {}); }

std::optional<Reason> ReasonFor(const Encoded& encoded) {
  return ReasonOf(Decode(encoded).status());
}

std::vector<Encoded> SmallFiles() {
  const RgbImage picture = MakePicture(kSize);
  JpegOptions progressive;
  progressive.progressive = true;
  progressive.exif = MakeExif(6);
  JpegOptions cmyk;
  cmyk.cmyk = true;
  return {EncodeJpeg(picture), EncodeJpeg(picture, progressive), EncodeJpeg(picture, cmyk),
          EncodePng(picture),  EncodeLosslessWebp(picture),      EncodeLossyWebp(picture)};
}

std::vector<Encoded> Fixtures() {
  std::vector<Encoded> files;
  for (const auto& entry :
       std::filesystem::directory_iterator("tests/testdata/preprocess/decode")) {
    if (entry.path().extension() != ".ppm") files.push_back(ReadTestFile(entry.path()));
  }
  return files;
}

TEST(DamagedImageTest, NoPrefixOfAFilePassesForAnImage) {
  for (const Encoded& whole : SmallFiles()) {
    ASSERT_TRUE(Decode(whole).ok());
    for (size_t size = 0; size < whole.size(); ++size) {
      const Encoded prefix(whole.begin(), whole.begin() + size);
      ASSERT_EQ(ReasonFor(prefix), Reason::kImageUndecodable) << size << " of " << whole.size();
      ASSERT_EQ(ReasonOf(DecodeAndResize(prefix, {}, {16, 16}).status()),
                Reason::kImageUndecodable);
    }
  }
}

TEST(DamagedImageTest, NoPrefixOfAFixturePassesForAnImage) {
  for (const Encoded& whole : Fixtures()) {
    for (size_t size = whole.size() % 7; size < whole.size(); size += 7) {
      const Encoded prefix(whole.begin(), whole.begin() + size);
      ASSERT_EQ(ReasonFor(prefix), Reason::kImageUndecodable) << size << " of " << whole.size();
    }
  }
}

TEST(DamagedImageTest, FlippedBytesAreRefusedOrDecodedButNeverCrash) {
  std::mt19937 random(20240501);
  for (const Encoded& whole : SmallFiles()) {
    for (int round = 0; round < 2000; ++round) {
      Encoded damaged = whole;
      const int flips = 1 + static_cast<int>(random() % 4);
      for (int i = 0; i < flips; ++i) damaged[random() % damaged.size()] ^= 1 + random() % 255;
      const absl::StatusOr<RgbImage> image = Decode(damaged);
      if (image.ok()) {
        const Size size = image->size;
        ASSERT_EQ(image->pixels.size(), size_t{3} * size.height * size.width);
        ASSERT_EQ(ReadImageHeader(damaged, {})->size, size);
      } else {
        const std::optional<Reason> reason = ReasonOf(image.status());
        ASSERT_TRUE(reason == Reason::kImageUndecodable || reason == Reason::kImageTooLarge)
            << image.status();
      }
    }
  }
}

TEST(DamagedImageTest, EveryFlippedByteOfAPngIsNoticed) {
  const Encoded whole = EncodePng(MakePicture(kSize));
  for (size_t i = 0; i < whole.size(); ++i) {
    Encoded damaged = whole;
    damaged[i] ^= 0xFF;
    EXPECT_FALSE(Decode(damaged).ok()) << "byte " << i;
  }
}

TEST(DamagedImageTest, DamagedDataOfAnOptionalPngChunkIsNoticed) {
  Encoded png = EncodePng(MakePicture(kSize));
  const Encoded end = MakePngChunk("IEND", {});
  png.resize(png.size() - end.size());
  Append(&png, MakePngChunk("tEXt", {'k', 0, 'v'}));
  Append(&png, end);
  EXPECT_TRUE(Decode(png).ok());
  png[png.size() - end.size() - 5] ^= 1;
  EXPECT_EQ(ReasonFor(png), Reason::kImageUndecodable);
}

TEST(DamagedImageTest, HeadersThatDeclareTooMuchAreRefused) {
  const auto png = [](uint32_t height, uint32_t width) {
    Encoded encoded = MakePngHeader(height, width);
    Append(&encoded, MakePngChunk("IDAT", Encoded(1000)));
    Append(&encoded, MakePngChunk("IEND", {}));
    return encoded;
  };
  EXPECT_EQ(ReasonFor(png(50000, 50000)), Reason::kImageTooLarge);
  EXPECT_EQ(ReasonFor(png(1, 0x7FFFFFFF)), Reason::kImageTooLarge);
  EXPECT_EQ(ReasonFor(png(0xFFFFFFFF, 0xFFFFFFFF)), Reason::kImageTooLarge);
  EXPECT_EQ(ReasonFor(png(0, 10)), Reason::kImageUndecodable);
  EXPECT_EQ(ReasonFor(png(10, 0)), Reason::kImageUndecodable);
  EXPECT_EQ(ReasonFor(png(100, 100)), Reason::kImageUndecodable) << "zeros are no pixel data";
}

TEST(DamagedImageTest, APngChunkLongerThanTheFileIsRefused) {
  Encoded png = MakePngHeader(8, 8);
  Append(&png, {0x40, 0, 0, 0, 't', 'E', 'X', 't', 0, 0, 0, 0});
  EXPECT_EQ(ReasonFor(png), Reason::kImageUndecodable);
}

TEST(DamagedImageTest, AnUnknownCriticalPngChunkIsRefused) {
  const Encoded whole = EncodePng(MakePicture(kSize));
  const size_t after_header = MakePngHeader(1, 1).size();
  Encoded png(whole.begin(), whole.begin() + after_header);
  Append(&png, MakePngChunk("CgBI", {1, 2, 3, 4}));
  png.insert(png.end(), whole.begin() + after_header, whole.end());
  EXPECT_EQ(ReasonFor(png), Reason::kImageUndecodable);
}

TEST(DamagedImageTest, AJpegSideBeyondTheLibrarysOwnLimitIsTooLarge) {
  Encoded jpeg = EncodeJpeg(MakePicture(kSize));
  const uint8_t frame[] = {0xFF, 0xC0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(frame), std::end(frame));
  ASSERT_NE(at, jpeg.end());
  at[5] = at[6] = 0xFF;  // Height: 65,535.
  EXPECT_EQ(ReasonFor(jpeg), Reason::kImageTooLarge);
}

TEST(DamagedImageTest, AProgressiveJpegWithEndlessScansIsRefused) {
  JpegOptions options;
  options.progressive = true;
  const Encoded whole = EncodeJpeg(MakePicture(kSize), options);
  const uint8_t scan[] = {0xFF, 0xDA};
  const auto last = std::find_end(whole.begin(), whole.end(), std::begin(scan), std::end(scan));
  const Encoded repeated(last, whole.end() - 2);
  Encoded jpeg(whole.begin(), whole.end() - 2);
  for (int i = 0; i < 1000; ++i) Append(&jpeg, repeated);
  Append(&jpeg, {0xFF, 0xD9});
  const absl::Status status = Decode(jpeg).status();
  EXPECT_EQ(ReasonOf(status), Reason::kImageUndecodable);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("more than 50 scans"));
}

}  // namespace
}  // namespace radio
