// Small files that ask for much: each is answered in little time and memory.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/preprocess/image_decoder.h"
#include "tests/testing/encode_image.h"

namespace radio {
namespace {

constexpr double kMaxCpuSeconds = 0.25;
constexpr int64_t kMaxGrowthKib = 64 << 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#else
constexpr bool kInstrumented = false;
#endif

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

int64_t PeakKib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

Encoded Deflated(size_t zeros) {
  const Encoded data(zeros);
  uLongf size = compressBound(zeros);
  Encoded deflated(size);
  if (compress2(deflated.data(), &size, data.data(), zeros, 6) != Z_OK) {
    throw std::runtime_error("zlib failed");
  }
  deflated.resize(size);
  return deflated;
}

Encoded Png(const Encoded& header, const Encoded& extra, const Encoded& data) {
  Encoded png = header;
  Append(&png, extra);
  Append(&png, MakePngChunk("IDAT", data));
  Append(&png, MakePngChunk("IEND", {}));
  return png;
}

Encoded Text(const std::string& keyword, const Encoded& deflated) {
  Encoded text(keyword.begin(), keyword.end());
  text.insert(text.end(), 2, 0);
  Append(&text, deflated);
  return text;
}

// `size` as the frame header of a JPEG says it.
Encoded WithJpegSize(Encoded jpeg, uint8_t marker, Size size) {
  const uint8_t frame[] = {0xFF, marker};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(frame), std::end(frame));
  if (at == jpeg.end()) throw std::runtime_error("no frame header");
  at[5] = static_cast<uint8_t>(size.height >> 8);
  at[6] = static_cast<uint8_t>(size.height);
  at[7] = static_cast<uint8_t>(size.width >> 8);
  at[8] = static_cast<uint8_t>(size.width);
  return jpeg;
}

Encoded ProgressiveJpeg(Size size) {
  JpegOptions options;
  options.progressive = true;
  return EncodeJpeg({size, std::vector<uint8_t>(size_t{3} * size.height * size.width)}, options);
}

// The last scan again and again.
Encoded WithRepeatedScans(const Encoded& jpeg, int times) {
  const uint8_t scan[] = {0xFF, 0xDA};
  const auto last = std::find_end(jpeg.begin(), jpeg.end(), std::begin(scan), std::end(scan));
  const Encoded repeated(last, jpeg.end() - 2);
  Encoded bomb(jpeg.begin(), jpeg.end() - 2);
  for (int i = 0; i < times; ++i) Append(&bomb, repeated);
  Append(&bomb, {0xFF, 0xD9});
  return bomb;
}

Encoded WithLossyWebpSize(Encoded webp, Size size) {
  constexpr size_t kWidth = 26;
  webp[kWidth] = static_cast<uint8_t>(size.width);
  webp[kWidth + 1] = static_cast<uint8_t>(size.width >> 8);
  webp[kWidth + 2] = static_cast<uint8_t>(size.height);
  webp[kWidth + 3] = static_cast<uint8_t>(size.height >> 8);
  return webp;
}

class ImageBombTest : public testing::Test {
 protected:
  // `reason` unset: the picture in the file is small and fine, only its company is not.
  static void Expect(const Encoded& bomb, std::optional<Reason> reason) {
    const int64_t peak = PeakKib();
    double fastest = 1e9;
    for (int round = 0; round < 2; ++round) {
      const double begin = CpuSeconds();
      const absl::StatusOr<RgbImage> image = DecodeImage(bomb, {});
      EXPECT_EQ(ReasonOf(image.status()), reason) << image.status();
      EXPECT_EQ(image.ok(), !reason.has_value());
      const absl::StatusOr<RgbImage> resized = DecodeAndResize(bomb, {}, {64, 64});
      EXPECT_EQ(ReasonOf(resized.status()), reason) << resized.status();
      fastest = std::min(fastest, (CpuSeconds() - begin) / 2);
    }
    if (kInstrumented) return;
    EXPECT_LE(fastest, kMaxCpuSeconds);
    EXPECT_LE(PeakKib() - peak, kMaxGrowthKib);
  }
};

TEST_F(ImageBombTest, PngThatDeclaresMorePixelsThanTheLimit) {
  const Encoded data = Deflated(1 << 20);
  Expect(Png(MakePngHeader(50000, 50000), {}, data), Reason::kImageTooLarge);
  Expect(Png(MakePngHeader(1, 0x7FFFFFFF), {}, data), Reason::kImageTooLarge);
  Expect(Png(MakePngHeader(16384, 16384), {}, data), Reason::kImageTooLarge);
}

TEST_F(ImageBombTest, PngThatDeclaresMorePixelsThanItsDataCanHold) {
  Expect(Png(MakePngHeader(8000, 8000), {}, Deflated(1000)), Reason::kImageUndecodable);
}

TEST_F(ImageBombTest, PngWhoseDataGoOnAfterTheLastRow) {
  Expect(Png(MakePngHeader(8, 8), {}, Deflated(32 << 20)), std::nullopt);
}

TEST_F(ImageBombTest, PngWithCompressedTextAndProfile) {
  const Encoded deflated = Deflated(32 << 20);
  const Encoded pixels = Deflated(8 * 25);
  Expect(Png(MakePngHeader(8, 8), MakePngChunk("zTXt", Text("Comment", deflated)), pixels),
         std::nullopt);
  Expect(Png(MakePngHeader(8, 8), MakePngChunk("iCCP", Text("profile", deflated)), pixels),
         std::nullopt);
}

TEST_F(ImageBombTest, PngTextThatClaimsAGibibyte) {
  Encoded png = MakePngHeader(8, 8);
  Append(&png, {0x40, 0, 0, 0, 't', 'E', 'X', 't', 0, 0, 0, 0, 0, 0, 0, 0});
  Expect(png, Reason::kImageUndecodable);
}

TEST_F(ImageBombTest, PngOfAMillionEmptyChunks) {
  const Encoded empty = MakePngChunk("IDAT", {});
  Encoded chunks;
  chunks.reserve(empty.size() << 20);
  for (int i = 0; i < 1 << 20; ++i) Append(&chunks, empty);
  Expect(Png(MakePngHeader(8, 8), chunks, Deflated(8 * 25)), std::nullopt);
}

TEST_F(ImageBombTest, JpegThatDeclaresMorePixelsThanTheLimit) {
  const Encoded progressive = ProgressiveJpeg({16, 16});
  Expect(WithJpegSize(progressive, 0xC2, {65500, 65500}), Reason::kImageTooLarge);
  Expect(WithJpegSize(progressive, 0xC2, {65535, 65535}), Reason::kImageTooLarge);
}

TEST_F(ImageBombTest, JpegThatDeclaresMorePixelsThanItHolds) {
  Expect(WithJpegSize(EncodeJpeg(MakePicture({16, 16})), 0xC0, {8000, 8000}),
         Reason::kImageUndecodable);
  Expect(WithJpegSize(ProgressiveJpeg({16, 16}), 0xC2, {8000, 8000}), Reason::kImageUndecodable);
}

TEST_F(ImageBombTest, JpegWhoseScansRepeat) {
  Expect(WithRepeatedScans(ProgressiveJpeg({2048, 2048}), 1000), Reason::kImageUndecodable);
}

TEST_F(ImageBombTest, JpegOfNothingButMarkers) {
  const Encoded jpeg = EncodeJpeg(MakePicture({16, 16}));
  Encoded bomb(jpeg.begin(), jpeg.begin() + 2);
  // An APP1 segment of two bytes, its length.
  for (int i = 0; i < 1 << 18; ++i) Append(&bomb, {0xFF, 0xE1, 0, 2});
  bomb.insert(bomb.end(), jpeg.begin() + 2, jpeg.end());
  Expect(bomb, std::nullopt);
}

TEST_F(ImageBombTest, WebpOfAMillionChunks) {
  constexpr int kChunks = 1 << 20;
  Encoded webp = EncodeLosslessWebp(MakePicture({16, 16}));
  webp.reserve(webp.size() + size_t{8} * kChunks);
  for (int i = 0; i < kChunks; ++i) Append(&webp, {'n', 'o', 'n', 'e', 0, 0, 0, 0});
  const size_t size = webp.size() - 8;
  for (int i = 0; i < 4; ++i) webp[4 + i] = static_cast<uint8_t>(size >> 8 * i);
  Expect(webp, std::nullopt);
}

TEST_F(ImageBombTest, WebpThatDeclaresMorePixelsThanTheLimit) {
  Expect(WithLossyWebpSize(EncodeLossyWebp(MakePicture({16, 16})), {16383, 16383}),
         Reason::kImageTooLarge);
}

}  // namespace
}  // namespace radio
