// Encoded images (JPEG, PNG, WebP) to 8-bit RGB pixels. Pure functions of their input, thread-safe.
#ifndef RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_
#define RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/types.h"

namespace radio {

enum class ImageFormat { kJpeg, kPng, kWebp };

// Checked against the header before any allocation.
struct DecodeLimits {
  int64_t max_bytes = 64 << 20;
  int max_side = 16384;
  int64_t max_pixels = 64 << 20;
};

struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  // As a person sees the picture: after the EXIF orientation.
  Size size;
  // EXIF orientation, 1..8; 1 where there is none.
  int orientation = 1;
};

// 8-bit RGB, [height, width, 3], row-major.
struct RgbImage {
  Size size;
  std::vector<uint8_t> pixels;
};

// Reads the format (by its magic bytes), the size and the orientation without decoding a pixel.
// IMAGE_UNDECODABLE for anything that is none of the three formats or whose header is broken;
// IMAGE_TOO_LARGE beyond `limits`.
absl::StatusOr<ImageHeader> ReadImageHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits);

// Decodes a whole image. What becomes RGB how: docs/preprocessing.md. A truncated or damaged file
// is IMAGE_UNDECODABLE, never a picture with a gray half; of an animation the first frame counts.
absl::StatusOr<RgbImage> DecodeImage(absl::Span<const uint8_t> encoded, const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_
