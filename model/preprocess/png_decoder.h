// PNG files; private to this package. Errors and limits are those of image_decoder.h.
#ifndef RADIO_MODEL_PREPROCESS_PNG_DECODER_H_
#define RADIO_MODEL_PREPROCESS_PNG_DECODER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/preprocess/codec.h"

namespace radio {

absl::StatusOr<StoredHeader> ReadPngHeader(absl::Span<const uint8_t> encoded,
                                           const DecodeLimits& limits);

// The checksums of all chunks must be right up to the end of the image.
absl::StatusOr<DecodedFile> DecodePng(absl::Span<const uint8_t> encoded,
                                      const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_PNG_DECODER_H_
