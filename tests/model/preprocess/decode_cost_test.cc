// The limit of CPU time on one decode.
#include <gmock/gmock.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/preprocess/image_decoder.h"
#include "tests/testing/encode_image.h"

namespace radio {
namespace {

constexpr Size kSize{520, 600};

DecodeLimits WithCpu(absl::Duration limit) {
  DecodeLimits limits;
  limits.max_cpu = limit;
  return limits;
}

absl::Duration ThreadTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

JpegOptions Progressive() {
  JpegOptions options;
  options.progressive = true;
  return options;
}

// By what it is.
std::vector<std::pair<std::string, Encoded>> Files() {
  const RgbImage picture = MakePicture(kSize);
  return {{"JPEG", EncodeJpeg(picture)},
          {"progressive JPEG", EncodeJpeg(picture, Progressive())},
          {"PNG", EncodePng(picture)},
          {"interlaced PNG", EncodePng(picture, true)},
          {"lossless WebP", EncodeLosslessWebp(picture)},
          {"lossy WebP", EncodeLossyWebp(picture)}};
}

TEST(DecodeCostTest, EveryFormatEndsWhenItHasTakenItsTime) {
  for (const auto& [name, file] : Files()) {
    const DecodeLimits tight = WithCpu(absl::Nanoseconds(1));
    const absl::Status status = DecodeImage(file, tight).status();
    EXPECT_EQ(ReasonOf(status), Reason::kImageTooCostly) << name;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "decoding takes more than 1ns of CPU");
    EXPECT_EQ(ReasonOf(DecodeAndResize(file, tight, {64, 64}).status()), Reason::kImageTooCostly)
        << name;
    EXPECT_EQ(ReadImageHeader(file, tight)->size, kSize) << "headers are free";
  }
}

TEST(DecodeCostTest, ALimitThatIsNotReachedChangesNothing) {
  for (const auto& [name, file] : Files()) {
    const absl::StatusOr<RgbImage> limited = DecodeImage(file, WithCpu(absl::Hours(1)));
    ASSERT_TRUE(limited.ok()) << name << ": " << limited.status();
    EXPECT_EQ(limited->pixels, DecodeImage(file, {})->pixels) << name;
  }
}

// The last scan 12 times more: within the limit of scans.
Encoded SlowJpeg() {
  const Size size{1536, 1536};
  const Encoded jpeg = EncodeJpeg(MakePicture(size), Progressive());
  const uint8_t scan[] = {0xFF, 0xDA};
  const auto last = std::find_end(jpeg.begin(), jpeg.end(), std::begin(scan), std::end(scan));
  const Encoded repeated(last, jpeg.end() - 2);
  Encoded slow(jpeg.begin(), jpeg.end() - 2);
  for (int i = 0; i < 12; ++i) Append(&slow, repeated);
  Append(&slow, {0xFF, 0xD9});
  return slow;
}

TEST(DecodeCostTest, TheThreadIsFreeSoonAfterTheLimit) {
  const Encoded slow = SlowJpeg();
  const auto cost = [&](absl::Duration limit, std::optional<Reason> reason) {
    const absl::Duration begin = ThreadTime();
    EXPECT_EQ(ReasonOf(DecodeImage(slow, WithCpu(limit)).status()), reason);
    return ThreadTime() - begin;
  };
  const absl::Duration whole = cost(absl::InfiniteDuration(), std::nullopt);
  const absl::Duration limit = whole / 8;
  const absl::Duration limited = cost(limit, Reason::kImageTooCostly);
  EXPECT_GE(limited, limit);
  EXPECT_LE(limited, whole / 2);
}

}  // namespace
}  // namespace radio
