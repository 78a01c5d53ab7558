// Any bytes: a picture within the limits, or an error with a reason of the two that bad images
// have.
#include <cstdint>

#include "absl/types/span.h"
#include "model/errors.h"
#include "model/preprocess/image_decoder.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  radio::DecodeLimits limits;
  limits.max_pixels = 1 << 20;
  const absl::StatusOr<radio::RgbImage> image =
      radio::DecodeImage(absl::MakeConstSpan(data, size), limits);
  if (image.ok()) {
    const radio::Size pixels = image->size;
    FUZZ_CHECK(pixels.height > 0 && pixels.width > 0);
    FUZZ_CHECK(pixels.height <= limits.max_side && pixels.width <= limits.max_side);
    FUZZ_CHECK(int64_t{pixels.height} * pixels.width <= limits.max_pixels);
    FUZZ_CHECK(image->pixels.size() == size_t{3} * pixels.height * pixels.width);
  } else {
    const std::optional<radio::Reason> reason = radio::ReasonOf(image.status());
    FUZZ_CHECK(reason == radio::Reason::kImageUndecodable ||
               reason == radio::Reason::kImageTooLarge);
    FUZZ_CHECK(image.status().message().size() < 256);
  }
  return 0;
}
