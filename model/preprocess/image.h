// Pixels and what is known of them before they are decoded.
#ifndef RADIO_MODEL_PREPROCESS_IMAGE_H_
#define RADIO_MODEL_PREPROCESS_IMAGE_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "model/types.h"

namespace radio {

enum class ImageFormat { kJpeg, kPng, kWebp };

// The first three are checked against the header before any allocation.
struct DecodeLimits {
  int64_t max_bytes = 64 << 20;
  int max_side = 16384;
  int64_t max_pixels = 64 << 20;
  // CPU time of one decode.
  absl::Duration max_cpu = absl::InfiniteDuration();
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

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_IMAGE_H_
