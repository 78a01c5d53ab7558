#include "server/image_conversion.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"
#include "server/field_error.h"

namespace radio::server {
namespace {

// Far beyond every model's limit and small enough that no product of three sides overflows.
constexpr int64_t kMaxSide = 1 << 20;

std::optional<DataType> PixelType(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_UINT8:
      return DataType::kUint8;
    case v1::DATA_TYPE_FLOAT16:
      return DataType::kFloat16;
    case v1::DATA_TYPE_BFLOAT16:
      return DataType::kBfloat16;
    case v1::DATA_TYPE_FLOAT32:
      return DataType::kFloat32;
    default:
      return std::nullopt;
  }
}

Bytes Share(const std::string& bytes, std::shared_ptr<const void> owner) {
  return {std::move(owner),
          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())};
}

// The size that a tensor's shape says.
absl::StatusOr<Size> SizeOf(const v1::Tensor& tensor, DataType type, absl::string_view path) {
  const bool bytes = type == DataType::kUint8;
  const std::string shape = absl::StrCat("[", absl::StrJoin(tensor.shape(), ", "), "]");
  const auto invalid = [&] {
    return FieldError(
        Reason::kTensorInvalid, absl::StrCat(path, ".shape"),
        absl::StrCat("must be ", bytes ? "[H, W, 3] for UINT8" : "[3, H, W] for floats",
                     " with sides of 1 to ", kMaxSide, ", is ", shape));
  };
  // A shape of any length may arrive; no message repeats more than a little of it.
  if (tensor.shape_size() > 8) {
    return FieldError(Reason::kTensorInvalid, absl::StrCat(path, ".shape"),
                      absl::StrCat("must have 3 entries, has ", tensor.shape_size()));
  }
  if (tensor.shape_size() != 3) return invalid();
  const int64_t height = tensor.shape(bytes ? 0 : 1);
  const int64_t width = tensor.shape(bytes ? 1 : 2);
  if (tensor.shape(bytes ? 2 : 0) != 3) return invalid();
  for (const int64_t side : {height, width}) {
    if (side < 1 || side > kMaxSide) return invalid();
  }
  return Size{static_cast<int>(height), static_cast<int>(width)};
}

absl::StatusOr<ImageSource> ConvertTensor(const v1::Tensor& tensor, bool conditioned,
                                          const std::string& path,
                                          std::shared_ptr<const void> owner) {
  const std::optional<DataType> type = PixelType(tensor.data_type());
  if (!type) {
    return FieldError(Reason::kTensorInvalid, absl::StrCat(path, ".data_type"),
                      absl::StrCat("must be UINT8, FLOAT16, BFLOAT16 or FLOAT32, is ",
                                   static_cast<int>(tensor.data_type())));
  }
  if (conditioned && *type == DataType::kUint8) {
    return FieldError(Reason::kTensorInvalid, absl::StrCat(path, ".data_type"),
                      "must be a float type when preprocessing.conditioned is set, is UINT8");
  }
  const absl::StatusOr<Size> size = SizeOf(tensor, *type, path);
  if (!size.ok()) return size.status();
  const int64_t needed =
      int64_t{3} * size->height * size->width * static_cast<int64_t>(ElementSize(*type));
  if (static_cast<int64_t>(tensor.data().size()) != needed) {
    return FieldError(
        Reason::kTensorInvalid, absl::StrCat(path, ".data"),
        absl::StrCat("must have ", needed, " bytes for ", size->height, " x ", size->width,
                     " pixels of ", v1::DataType_Name(tensor.data_type()), ", has ",
                     tensor.data().size()));
  }
  ImageTensor image;
  image.data_type = *type;
  image.size = *size;
  image.conditioned = conditioned;
  image.pixels = Share(tensor.data(), std::move(owner));
  return ImageSource(std::move(image));
}

}  // namespace

absl::StatusOr<ImageSource> ConvertImage(const v1::Image& image, bool conditioned,
                                         absl::string_view path,
                                         std::shared_ptr<const void> owner) {
  switch (image.source_case()) {
    case v1::Image::kTensor:
      return ConvertTensor(image.tensor(), conditioned, absl::StrCat(path, ".tensor"),
                           std::move(owner));
    case v1::Image::kEncoded:
      if (image.encoded().empty()) {
        return FieldError(Reason::kImageUndecodable, absl::StrCat(path, ".encoded"),
                          "must be a JPEG, PNG or WebP file, is empty");
      }
      if (conditioned) {
        return FieldError(Reason::kRequestInvalid, absl::StrCat(path, ".encoded"),
                          "must not be used when preprocessing.conditioned is set: only a float "
                          "tensor can be normalised already");
      }
      return ImageSource(EncodedImage{Share(image.encoded(), std::move(owner))});
    case v1::Image::SOURCE_NOT_SET:
      break;
  }
  return FieldError(Reason::kRequestInvalid, path, "must have a source: encoded or tensor");
}

}  // namespace radio::server
