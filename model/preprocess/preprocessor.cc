#include "model/preprocess/preprocessor.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "model/preprocess/codec.h"
#include "model/preprocess/resize.h"

namespace radio {
namespace {

absl::StatusOr<Size> PlanShortestSide(const ModelSpec& spec, Size source, int shortest_side) {
  if (shortest_side <= 0) {
    return MakeError(Reason::kRequestInvalid,
                     absl::StrCat("shortest_side is ", shortest_side, "; it must be positive"));
  }
  if (shortest_side > spec.max_resolution) {
    return MakeError(Reason::kResolutionUnsupported,
                     absl::StrCat("shortest_side ", shortest_side, " is more than the model's ",
                                  spec.max_resolution));
  }
  const double shorter = std::min(source.height, source.width);
  const auto scaled = [&](int side) {
    return NearestSupportedSide(spec, static_cast<double>(side) * shortest_side / shorter);
  };
  return Size{scaled(source.height), scaled(source.width)};
}

absl::StatusOr<Size> PlanExact(const ModelSpec& spec, Size exact) {
  if (exact.height <= 0 || exact.width <= 0) {
    return MakeError(Reason::kRequestInvalid,
                     absl::StrCat("exact size ", exact.height, " x ", exact.width,
                                  ": height and width must be positive"));
  }
  RADIO_RETURN_IF_ERROR(CheckSupported(spec, exact));
  return exact;
}

// Whether any element's exponent bits are all ones.
template <typename Bits>
bool AnyNonFinite(absl::Span<const uint8_t> data, Bits exponent) {
  // Blocks let the inner loop run without a branch and the outer one stop early.
  constexpr size_t kBlock = 4096 / sizeof(Bits);
  Bits block[kBlock];
  while (!data.empty()) {
    const size_t bytes = std::min(data.size(), sizeof(block));
    std::memcpy(block, data.data(), bytes);
    data.remove_prefix(bytes);
    bool found = false;
    for (size_t i = 0; i < bytes / sizeof(Bits); ++i) found |= (block[i] & exponent) == exponent;
    if (found) return true;
  }
  return false;
}

bool HoldsNonFinite(const ImageTensor& tensor) {
  switch (tensor.data_type) {
    case DataType::kFloat16:
      return AnyNonFinite<uint16_t>(tensor.pixels.data, 0x7C00);
    case DataType::kBfloat16:
      return AnyNonFinite<uint16_t>(tensor.pixels.data, 0x7F80);
    case DataType::kFloat32:
      return AnyNonFinite<uint32_t>(tensor.pixels.data, 0x7F800000);
    case DataType::kUint8:
      return false;
  }
  return false;
}

absl::Status CheckTensor(const ImageTensor& tensor, Size target) {
  if (tensor.data_type == DataType::kUint8) {
    if (!tensor.conditioned) return absl::OkStatus();
    return MakeError(Reason::kTensorInvalid, "a UINT8 tensor cannot be conditioned");
  }
  if (tensor.size != target) {
    return MakeError(
        Reason::kTensorInvalid,
        absl::StrCat("a float tensor of ", tensor.size.height, " x ", tensor.size.width,
                     " would have to be resized to ", target.height, " x ", target.width,
                     "; only UINT8 tensors and encoded images are resized"));
  }
  if (HoldsNonFinite(tensor)) {
    return MakeError(Reason::kTensorInvalid, "the tensor holds NaN or infinity");
  }
  return absl::OkStatus();
}

ImageTensor ToTensor(RgbImage image) {
  ImageTensor tensor;
  tensor.size = image.size;
  tensor.pixels = Bytes::Own(std::move(image.pixels));
  return tensor;
}

RgbImage ToImage(const ImageTensor& tensor) {
  return {tensor.size, {tensor.pixels.data.begin(), tensor.pixels.data.end()}};
}

RgbImage ToImage(const PlanarImage& planar) {
  const size_t count = planar.pixels.data.size() / 3;
  const uint8_t* const red = planar.pixels.data.data();
  const uint8_t* const green = red + count;
  const uint8_t* const blue = green + count;
  RgbImage image{planar.size, std::vector<uint8_t>(3 * count)};
  for (size_t i = 0; i < count; ++i) {
    image.pixels[3 * i] = red[i];
    image.pixels[3 * i + 1] = green[i];
    image.pixels[3 * i + 2] = blue[i];
  }
  return image;
}

// The size of a source that is no file, as its shape says.
Size ShapeOf(const ImageSource& source) {
  if (const auto* planar = std::get_if<PlanarImage>(&source)) return planar->size;
  return std::get<ImageTensor>(source).size;
}

}  // namespace

absl::StatusOr<Size> PlanResize(const ModelSpec& spec, Size source, const ResizeOptions& options) {
  if (source.height <= 0 || source.width <= 0) return CheckSupported(spec, source);
  switch (options.mode) {
    case ResizeMode::kNone:
      RADIO_RETURN_IF_ERROR(CheckSupported(spec, source));
      return source;
    case ResizeMode::kNearestSupported:
      return NearestSupportedSize(spec, source);
    case ResizeMode::kExact:
      return PlanExact(spec, options.exact);
    case ResizeMode::kShortestSide:
      return PlanShortestSide(spec, source, options.shortest_side);
    case ResizeMode::kPreferred:
      return PlanExact(spec, spec.preferred);
  }
  return MakeError(Reason::kRequestInvalid, "unknown resize mode");
}

absl::StatusOr<Size> SourceSize(const ImageSource& source, const DecodeLimits& limits) {
  if (const auto* encoded = std::get_if<EncodedImage>(&source)) {
    RADIO_ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(encoded->bytes.data, limits));
    return header.size;
  }
  const Size size = ShapeOf(source);
  if (size.height <= 0 || size.width <= 0) {
    return MakeError(Reason::kTensorInvalid, absl::StrCat("a tensor of ", size.height, " x ",
                                                          size.width, " holds no image"));
  }
  RADIO_RETURN_IF_ERROR(CheckImageSize(size.height, size.width, limits));
  return size;
}

absl::StatusOr<PreparedImage> Preprocessor::Prepare(const ModelSpec& spec,
                                                    const ImageSource& source,
                                                    const ResizeOptions& resize) const {
  RADIO_ASSIGN_OR_RETURN(const Size size, SourceSize(source, options_.limits));
  // Before any pixel is decoded: the plan may refuse the image.
  RADIO_ASSIGN_OR_RETURN(const Size target, PlanResize(spec, size, resize));
  if (const auto* tensor = std::get_if<ImageTensor>(&source)) {
    RADIO_RETURN_IF_ERROR(CheckTensor(*tensor, target));
    if (target == size) return PreparedImage{*tensor, size};
    return PreparedImage{ToTensor(ResizeBicubic(ToImage(*tensor), target)), size};
  }
  if (const auto* planar = std::get_if<PlanarImage>(&source)) {
    RgbImage image = ToImage(*planar);
    if (target != size) image = ResizeBicubic(std::move(image), target);
    return PreparedImage{ToTensor(std::move(image)), size};
  }
  RADIO_ASSIGN_OR_RETURN(RgbImage image, DecodeAndResize(std::get<EncodedImage>(source).bytes.data,
                                                         options_.limits, target));
  return PreparedImage{ToTensor(std::move(image)), size};
}

}  // namespace radio
