#include "model/preprocess/image_decoder.h"

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "model/preprocess/codec.h"
#include "model/preprocess/jpeg_decoder.h"
#include "model/preprocess/orientation.h"
#include "model/preprocess/png_decoder.h"
#include "model/preprocess/resize.h"
#include "model/preprocess/webp_decoder.h"

namespace radio {
namespace {

bool Holds(absl::Span<const uint8_t> encoded, size_t offset, absl::string_view magic) {
  return encoded.size() >= offset + magic.size() &&
         std::memcmp(encoded.data() + offset, magic.data(), magic.size()) == 0;
}

std::optional<ImageFormat> FormatOf(absl::Span<const uint8_t> encoded) {
  if (Holds(encoded, 0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (Holds(encoded, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (Holds(encoded, 0, "RIFF") && Holds(encoded, 8, "WEBP")) return ImageFormat::kWebp;
  return std::nullopt;
}

absl::StatusOr<ImageFormat> CheckFormat(absl::Span<const uint8_t> encoded,
                                        const DecodeLimits& limits) {
  if (static_cast<int64_t>(encoded.size()) > limits.max_bytes) {
    return MakeError(Reason::kImageTooLarge,
                     absl::StrCat(encoded.size(), " bytes are more than ", limits.max_bytes));
  }
  const std::optional<ImageFormat> format = FormatOf(encoded);
  if (!format) {
    return MakeError(Reason::kImageUndecodable, "the bytes begin as none of JPEG, PNG, WebP");
  }
  return *format;
}

absl::StatusOr<StoredHeader> ReadStored(ImageFormat format, absl::Span<const uint8_t> encoded,
                                        const DecodeLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return ReadJpegHeader(encoded, limits);
    case ImageFormat::kPng:
      return ReadPngHeader(encoded, limits);
    case ImageFormat::kWebp:
      return ReadWebpHeader(encoded, limits);
  }
  return Undecodable("image", "unknown format");
}

absl::StatusOr<DecodedFile> DecodeStored(ImageFormat format, absl::Span<const uint8_t> encoded,
                                         const DecodeLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return DecodeJpeg(encoded, limits);
    case ImageFormat::kPng:
      return DecodePng(encoded, limits);
    case ImageFormat::kWebp:
      return DecodeWebp(encoded, limits);
  }
  return Undecodable("image", "unknown format");
}

}  // namespace

absl::StatusOr<ImageHeader> ReadImageHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const ImageFormat format, CheckFormat(encoded, limits));
  RADIO_ASSIGN_OR_RETURN(const StoredHeader stored, ReadStored(format, encoded, limits));
  return ImageHeader{format, UprightSize(stored.size, stored.orientation), stored.orientation};
}

absl::StatusOr<RgbImage> DecodeImage(absl::Span<const uint8_t> encoded,
                                     const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const ImageFormat format, CheckFormat(encoded, limits));
  RADIO_ASSIGN_OR_RETURN(DecodedFile file, DecodeStored(format, encoded, limits));
  return ApplyOrientation(std::move(file.image), file.orientation);
}

absl::StatusOr<RgbImage> DecodeAndResize(absl::Span<const uint8_t> encoded,
                                         const DecodeLimits& limits, Size size) {
  RADIO_ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(encoded, limits));
  if (header.format == ImageFormat::kJpeg && header.orientation == 1 && header.size != size &&
      !IsHeightFirst(header.size, size)) {
    StreamResizer resizer(header.size, size);
    RADIO_RETURN_IF_ERROR(DecodeJpegRows(encoded, limits, [&] { return resizer.NextRow(); }));
    return resizer.Finish();
  }
  RADIO_ASSIGN_OR_RETURN(RgbImage image, DecodeImage(encoded, limits));
  return ResizeBicubic(std::move(image), size);
}

}  // namespace radio
