// Read access to tensors of answers, without copying where the memory allows it.
#ifndef RADIO_CLIENT_TENSOR_VIEW_H_
#define RADIO_CLIENT_TENSOR_VIEW_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// Bytes of one element; 0 for DATA_TYPE_UNSPECIFIED.
size_t ElementSize(v1::DataType type);

// IEEE 754 half and bfloat16, as their bits.
float HalfToFloat(uint16_t bits);
float Bfloat16ToFloat(uint16_t bits);

// A row-major tensor in memory of somebody else's, which must outlive the view.
class TensorView {
 public:
  // INTERNAL when the bytes are not what shape and type say.
  static absl::StatusOr<TensorView> Of(const v1::Tensor& tensor);

  v1::DataType data_type() const { return data_type_; }
  absl::Span<const int64_t> shape() const { return shape_; }
  // Elements in total.
  int64_t size() const { return size_; }
  // Little-endian elements.
  absl::string_view bytes() const { return bytes_; }

  // The elements in place. FAILED_PRECONDITION unless they are FLOAT32.
  absl::StatusOr<absl::Span<const float>> AsFloat32() const;

  // A converted copy, from any type.
  std::vector<float> ToFloat32() const;

 private:
  TensorView() = default;

  v1::DataType data_type_ = v1::DATA_TYPE_UNSPECIFIED;
  absl::Span<const int64_t> shape_;
  int64_t size_ = 0;
  absl::string_view bytes_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_TENSOR_VIEW_H_
