#include "model/preprocess/exif.h"

#include <gtest/gtest.h>

#include "tests/testing/encode_image.h"

namespace radio {
namespace {

// Offsets in MakeExif's block.
constexpr size_t kDirectoryOffset = 6 + 4;
constexpr size_t kEntryCount = 6 + 8;
constexpr size_t kTag = 6 + 10;
constexpr size_t kType = 6 + 12;
constexpr size_t kValueCount = 6 + 14;

TEST(ExifTest, EveryOrientationIsReadInBothByteOrders) {
  for (const bool big_endian : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      EXPECT_EQ(ExifOrientation(MakeExif(orientation, big_endian)), orientation);
    }
  }
}

TEST(ExifTest, ThePrefixMayBeMissing) {
  const Encoded exif = MakeExif(6);
  EXPECT_EQ(ExifOrientation(absl::MakeConstSpan(exif).subspan(6)), 6);
}

TEST(ExifTest, ValuesThatAreNoOrientationCountAsUpright) {
  for (const int value : {0, 9, 255, 65535}) EXPECT_EQ(ExifOrientation(MakeExif(value)), 1);
}

TEST(ExifTest, EveryTruncationIsHandled) {
  const Encoded whole = MakeExif(6);
  // The value's padding and the link to the next directory decide nothing.
  const size_t needed = whole.size() - 6;
  for (size_t size = 0; size < whole.size(); ++size) {
    const Encoded exif(whole.begin(), whole.begin() + size);
    EXPECT_EQ(ExifOrientation(exif), size < needed ? 1 : 6) << size << " bytes";
  }
}

TEST(ExifTest, ADirectoryBeyondTheBlockIsIgnored) {
  for (const uint8_t high : {0x00, 0x7F, 0xFF}) {
    Encoded exif = MakeExif(6);
    exif[kDirectoryOffset] = 0xF0;
    exif[kDirectoryOffset + 3] = high;
    EXPECT_EQ(ExifOrientation(exif), 1);
  }
}

TEST(ExifTest, MoreEntriesThanBytesAreNoHarm) {
  Encoded exif = MakeExif(6);
  exif[kEntryCount] = exif[kEntryCount + 1] = 0xFF;
  EXPECT_EQ(ExifOrientation(exif), 6);
  exif[kTag] = 0;
  EXPECT_EQ(ExifOrientation(exif), 1);
}

TEST(ExifTest, AnEntryOfAnotherTypeOrCountIsIgnored) {
  Encoded exif = MakeExif(6);
  exif[kType] = 5;
  EXPECT_EQ(ExifOrientation(exif), 1);
  exif = MakeExif(6);
  exif[kValueCount] = 2;
  EXPECT_EQ(ExifOrientation(exif), 1);
}

TEST(ExifTest, OtherFilesAreNoExif) {
  EXPECT_EQ(ExifOrientation({}), 1);
  const Encoded text = {'h', 'e', 'l', 'l', 'o', ' ', 't', 'h', 'e', 'r', 'e', '!'};
  EXPECT_EQ(ExifOrientation(text), 1);
  Encoded exif = MakeExif(6);
  exif[8] = 43;
  EXPECT_EQ(ExifOrientation(exif), 1);
}

}  // namespace
}  // namespace radio
