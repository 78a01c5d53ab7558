// The header's word against the decoder's: what decodes has a header that says its size, what the
// header finds too large does not decode, and decoding with a resize fails where decoding fails.
#include <cstdint>

#include "absl/types/span.h"
#include "model/errors.h"
#include "model/preprocess/image_decoder.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Span<const uint8_t> bytes(data, size);
  radio::DecodeLimits limits;
  limits.max_pixels = 1 << 18;
  const absl::StatusOr<radio::ImageHeader> header = radio::ReadImageHeader(bytes, limits);
  const absl::StatusOr<radio::RgbImage> image = radio::DecodeImage(bytes, limits);
  if (image.ok()) {
    FUZZ_CHECK(header.ok());
    FUZZ_CHECK(header->size == image->size);
    FUZZ_CHECK(header->orientation >= 1 && header->orientation <= 8);
  }
  if (!header.ok()) FUZZ_CHECK(radio::ReasonOf(header.status()) == radio::ReasonOf(image.status()));
  const radio::Size target{32, 48};
  const absl::StatusOr<radio::RgbImage> resized = radio::DecodeAndResize(bytes, limits, target);
  FUZZ_CHECK(resized.ok() == image.ok());
  if (resized.ok()) FUZZ_CHECK(resized->size == target);
  return 0;
}
