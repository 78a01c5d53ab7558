// WebP files; private to this package. Errors and limits are those of image_decoder.h.
#ifndef RADIO_MODEL_PREPROCESS_WEBP_DECODER_H_
#define RADIO_MODEL_PREPROCESS_WEBP_DECODER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/preprocess/codec.h"

namespace radio {

absl::StatusOr<StoredHeader> ReadWebpHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits);

// Of an animation the first frame, on black where it does not cover the canvas.
absl::StatusOr<DecodedFile> DecodeWebp(absl::Span<const uint8_t> encoded,
                                       const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_WEBP_DECODER_H_
