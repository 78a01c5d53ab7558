// What the decoders of the three formats share; private to this package.
#ifndef RADIO_MODEL_PREPROCESS_CODEC_H_
#define RADIO_MODEL_PREPROCESS_CODEC_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/preprocess/image.h"

namespace radio {

// As stored in the file: before the orientation is applied.
struct StoredHeader {
  Size size;
  int orientation = 1;
};

struct DecodedFile {
  // As stored, not turned.
  RgbImage image;
  int orientation = 1;
};

// IMAGE_UNDECODABLE for a side that is not positive, IMAGE_TOO_LARGE beyond `limits`. Sides are
// wider than any file format's so that a caller need not check them before.
absl::Status CheckImageSize(int64_t height, int64_t width, const DecodeLimits& limits);

// IMAGE_UNDECODABLE; `format` is a name for people, `rule` says what the file breaks.
absl::Status Undecodable(absl::string_view format, absl::string_view rule);

// IMAGE_TOO_COSTLY.
absl::Status TooCostly(const DecodeLimits& limits);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_CODEC_H_
