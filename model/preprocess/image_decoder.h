// Encoded images (JPEG, PNG, WebP) to 8-bit RGB pixels. Pure functions of their input, thread-safe.
#ifndef RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_
#define RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/preprocess/image.h"

namespace radio {

// Reads the format (by its magic bytes), the size and the orientation without decoding a pixel.
// IMAGE_UNDECODABLE for anything that is none of the three formats or whose header is broken;
// IMAGE_TOO_LARGE beyond `limits`. A file that DecodeImage takes has a header that this takes.
absl::StatusOr<ImageHeader> ReadImageHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits);

// Decodes a whole image. What becomes RGB how: docs/preprocessing.md. A truncated or damaged file
// is IMAGE_UNDECODABLE, never a picture with a gray half; of an animation the first frame counts.
// IMAGE_TOO_COSTLY once it has taken `limits.max_cpu`, give or take the tens of milliseconds
// between two looks at the clock.
absl::StatusOr<RgbImage> DecodeImage(absl::Span<const uint8_t> encoded, const DecodeLimits& limits);

// The same bytes as ResizeBicubic of DecodeImage, `size` being that of the upright picture. Most
// JPEGs are resized while they are decoded: their pixels never lie in memory as a whole.
absl::StatusOr<RgbImage> DecodeAndResize(absl::Span<const uint8_t> encoded,
                                         const DecodeLimits& limits, Size size);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_IMAGE_DECODER_H_
