// The one thing an image's EXIF block is read for.
#ifndef RADIO_MODEL_PREPROCESS_EXIF_H_
#define RADIO_MODEL_PREPROCESS_EXIF_H_

#include <cstdint>

#include "absl/types/span.h"

namespace radio {

// Orientation, 1..8, of an EXIF block: a TIFF file, with or without "Exif\0\0" before it. Only the
// first directory counts. 1 when there is none or the block is broken.
int ExifOrientation(absl::Span<const uint8_t> exif);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_EXIF_H_
