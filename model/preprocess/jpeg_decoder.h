// JPEG files; private to this package. Errors and limits are those of image_decoder.h.
#ifndef RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_
#define RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/preprocess/codec.h"

namespace radio {

absl::StatusOr<StoredHeader> ReadJpegHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits);

// Writes each row from the top, RGB pixels as stored and not turned, to the place that `next_row`
// returns for it. A warning of the library about missing or damaged data is an error here, possibly
// after rows have been written. Gray and CMYK (Adobe's inverted values) become RGB.
absl::Status DecodeJpegRows(absl::Span<const uint8_t> encoded, const DecodeLimits& limits,
                            absl::FunctionRef<uint8_t*()> next_row);

absl::StatusOr<DecodedFile> DecodeJpeg(absl::Span<const uint8_t> encoded,
                                       const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_JPEG_DECODER_H_
