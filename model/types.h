// Value types of the domain core: images in, tensors out.
#ifndef RADIO_MODEL_TYPES_H_
#define RADIO_MODEL_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace radio {

enum class DataType { kUint8, kFloat16, kBfloat16, kFloat32 };

// Bytes of one element.
constexpr size_t ElementSize(DataType type) {
  return type == DataType::kUint8 ? 1 : type == DataType::kFloat32 ? 4 : 2;
}

// Whose work it is, as far as sharing goes; 0: nobody's in particular.
using ClientId = uint64_t;

// Height and width of an image in pixels or of a feature grid in tokens.
struct Size {
  int height = 0;
  int width = 0;
  friend bool operator==(Size a, Size b) { return a.height == b.height && a.width == b.width; }
  friend bool operator!=(Size a, Size b) { return !(a == b); }
};

// Bytes that somebody owns and keeps alive; copying copies the reference only. Row-major,
// little-endian.
struct Bytes {
  std::shared_ptr<const void> owner;
  absl::Span<const uint8_t> data;

  static Bytes Own(std::vector<uint8_t> bytes) {
    auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
    return Bytes{owner, absl::MakeConstSpan(*owner)};
  }
};

// An image of a size the model takes. kUint8: [height, width, 3] RGB, 0..255. Float types: [3,
// height, width] in [0, 1], or already normalised when `conditioned`.
struct ImageTensor {
  DataType data_type = DataType::kUint8;
  Size size;
  bool conditioned = false;
  Bytes pixels;
};

enum class FeatureLayout { kNlc, kNhwc, kNchw };

// One entry of what a caller wants of an image.
struct OutputRequest {
  // 0 is the backbone, i > 0 the spec's adaptors[i - 1].
  int adaptor = 0;
  bool summary = false;
  bool features = false;
  FeatureLayout layout = FeatureLayout::kNlc;
  // A float type.
  DataType data_type = DataType::kFloat32;
  // Divide the summary, and every feature token, by its Euclidean norm (computed in float32).
  bool l2_normalize = false;
};

struct OutputTensor {
  DataType data_type = DataType::kFloat32;
  std::vector<int64_t> shape;
  Bytes data;
};

// Answer to one OutputRequest.
struct Output {
  std::optional<OutputTensor> summary;
  std::optional<OutputTensor> features;
};

// Answers to an image's OutputRequests, in their order.
using ItemOutputs = std::vector<Output>;

// Where an image's time went.
struct Timings {
  absl::Duration preprocess;
  absl::Duration queue;
  absl::Duration inference;
};

}  // namespace radio

#endif  // RADIO_MODEL_TYPES_H_
