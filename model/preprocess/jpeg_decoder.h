// JPEG files; private to this package. Errors and limits are those of image_decoder.h.
#ifndef RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_
#define RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/preprocess/codec.h"

namespace radio {

absl::StatusOr<StoredHeader> ReadJpegHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits);

// A warning of the library about missing or damaged data is an error here. Gray and CMYK
// (Adobe's inverted values) become RGB.
absl::StatusOr<DecodedFile> DecodeJpeg(absl::Span<const uint8_t> encoded,
                                       const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_
