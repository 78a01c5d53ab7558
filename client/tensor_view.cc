#include "client/tensor_view.h"

#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace radio::client {
namespace {

float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename Element, typename Convert>
std::vector<float> ConvertAll(absl::string_view bytes, Convert convert) {
  std::vector<float> values(bytes.size() / sizeof(Element));
  for (size_t i = 0; i < values.size(); ++i) {
    Element element;
    std::memcpy(&element, bytes.data() + i * sizeof(Element), sizeof(Element));
    values[i] = convert(element);
  }
  return values;
}

// Whether a tensor of that shape has so many bytes. The shape is anybody's: no product may
// overflow.
bool HasShape(size_t bytes, size_t element_size, absl::Span<const int64_t> shape) {
  if (element_size == 0) return false;
  uint64_t left = bytes / element_size;
  if (left * element_size != bytes) return false;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0) return false;
    empty = empty || extent == 0;
  }
  if (empty) return bytes == 0;
  for (int64_t extent : shape) {
    if (left % static_cast<uint64_t>(extent) != 0) return false;
    left /= static_cast<uint64_t>(extent);
  }
  return left == 1;
}

}  // namespace

size_t ElementSize(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_UINT8:
      return 1;
    case v1::DATA_TYPE_FLOAT16:
    case v1::DATA_TYPE_BFLOAT16:
      return 2;
    case v1::DATA_TYPE_FLOAT32:
      return 4;
    default:
      return 0;
  }
}

float Bfloat16ToFloat(uint16_t bits) { return FloatOf(static_cast<uint32_t>(bits) << 16); }

float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return FloatOf(sign | 0x7f800000u | (fraction << 13));
  // Subnormal halves are multiples of 2^-24.
  if (exponent == 0) return (sign != 0 ? -1.0f : 1.0f) * static_cast<float>(fraction) * 0x1p-24f;
  return FloatOf(sign | ((exponent + 112) << 23) | (fraction << 13));
}

absl::StatusOr<TensorView> TensorView::Of(const v1::Tensor& tensor) {
  TensorView view;
  view.data_type_ = tensor.data_type();
  view.shape_ = absl::MakeConstSpan(tensor.shape().data(), tensor.shape_size());
  view.bytes_ = tensor.data();
  if (!HasShape(view.bytes_.size(), ElementSize(view.data_type_), view.shape_)) {
    return absl::InternalError(absl::StrCat("tensor: ", view.bytes_.size(), " bytes do not hold [",
                                            absl::StrJoin(view.shape_, ", "), "] of ",
                                            v1::DataType_Name(view.data_type_)));
  }
  view.size_ = static_cast<int64_t>(view.bytes_.size() / ElementSize(view.data_type_));
  return view;
}

absl::StatusOr<absl::Span<const float>> TensorView::AsFloat32() const {
  if (data_type_ != v1::DATA_TYPE_FLOAT32) {
    return absl::FailedPreconditionError(
        absl::StrCat("tensor: holds ", v1::DataType_Name(data_type_), ", not FLOAT32"));
  }
  if (reinterpret_cast<uintptr_t>(bytes_.data()) % alignof(float) != 0) {
    return absl::FailedPreconditionError("tensor: not aligned for float; use ToFloat32");
  }
  return absl::MakeConstSpan(reinterpret_cast<const float*>(bytes_.data()),
                             static_cast<size_t>(size_));
}

std::vector<float> TensorView::ToFloat32() const {
  switch (data_type_) {
    case v1::DATA_TYPE_UINT8:
      return ConvertAll<uint8_t>(bytes_, [](uint8_t x) { return static_cast<float>(x); });
    case v1::DATA_TYPE_FLOAT16:
      return ConvertAll<uint16_t>(bytes_, HalfToFloat);
    case v1::DATA_TYPE_BFLOAT16:
      return ConvertAll<uint16_t>(bytes_, Bfloat16ToFloat);
    default:
      return ConvertAll<float>(bytes_, [](float x) { return x; });
  }
}

}  // namespace radio::client
