// From what a caller sent to what the model takes.
#ifndef RADIO_MODEL_PREPROCESS_PREPROCESSOR_H_
#define RADIO_MODEL_PREPROCESS_PREPROCESSOR_H_

#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_spec.h"
#include "model/preprocess/image_decoder.h"
#include "model/types.h"

namespace radio {

enum class ResizeMode { kNone, kNearestSupported, kExact, kShortestSide, kPreferred };

struct ResizeOptions {
  ResizeMode mode = ResizeMode::kNone;
  // Pixels; kExact only.
  Size exact;
  // Pixels; kShortestSide only.
  int shortest_side = 0;
};

// A JPEG, PNG or WebP file.
struct EncodedImage {
  Bytes bytes;
};

// Pixels channel by channel: [3, height, width] RGB, 0..255.
struct PlanarImage {
  Size size;
  Bytes pixels;
};

// What a caller sent. The `size` of a tensor or of a planar image is its own and its byte count
// fits shape and type (the edge has checked).
using ImageSource = std::variant<EncodedImage, ImageTensor, PlanarImage>;

struct PreparedImage {
  ImageTensor tensor;
  // As sent, after the EXIF orientation.
  Size source_size;
};

// The size that an image of size `source` gets: a pure function. RESOLUTION_UNSUPPORTED when the
// model does not take the result, REQUEST_INVALID when the options make no sense (a side that is
// not positive).
absl::StatusOr<Size> PlanResize(const ModelSpec& spec, Size source, const ResizeOptions& options);

// The caller's size before any work: from the header or the shape. Errors: those of
// ReadImageHeader; TENSOR_INVALID for a shape without pixels. The limits hold for all sources.
absl::StatusOr<Size> SourceSize(const ImageSource& source, const DecodeLimits& limits);

// Thread-safe; the same source gives the same tensor, bit for bit.
class Preprocessor {
 public:
  struct Options {
    DecodeLimits limits;
  };

  explicit Preprocessor(Options options) : options_(options) {}

  // Decodes, turns, resizes and checks. Errors: those of DecodeImage and PlanResize; TENSOR_INVALID
  // for a float tensor that would have to be resized or that holds NaN or infinity. Blocks for the
  // work.
  absl::StatusOr<PreparedImage> Prepare(const ModelSpec& spec, const ImageSource& source,
                                        const ResizeOptions& resize) const;

  const DecodeLimits& limits() const { return options_.limits; }

 private:
  const Options options_;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_PREPROCESSOR_H_
