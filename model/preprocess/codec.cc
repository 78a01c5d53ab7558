#include "model/preprocess/codec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio {

absl::Status CheckImageSize(int64_t height, int64_t width, const DecodeLimits& limits) {
  if (height <= 0 || width <= 0) {
    return MakeError(Reason::kImageUndecodable,
                     absl::StrCat("the image declares ", height, " x ", width, " pixels"));
  }
  if (std::max(height, width) > limits.max_side) {
    return MakeError(
        Reason::kImageTooLarge,
        absl::StrCat(height, " x ", width, ": a side is longer than ", limits.max_side, " pixels"));
  }
  if (height * width > limits.max_pixels) {
    return MakeError(Reason::kImageTooLarge, absl::StrCat(height, " x ", width, ": more than ",
                                                          limits.max_pixels, " pixels"));
  }
  return absl::OkStatus();
}

absl::Status Undecodable(absl::string_view format, absl::string_view rule) {
  return MakeError(Reason::kImageUndecodable, absl::StrCat(format, ": ", rule));
}

absl::Status TooCostly(const DecodeLimits& limits) {
  return MakeError(
      Reason::kImageTooCostly,
      absl::StrCat("decoding takes more than ", absl::FormatDuration(limits.max_cpu), " of CPU"));
}

}  // namespace radio
