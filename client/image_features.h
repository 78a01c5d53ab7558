// The answer to one image.
#ifndef RADIO_CLIENT_IMAGE_FEATURES_H_
#define RADIO_CLIENT_IMAGE_FEATURES_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/tensor_view.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// Shares the received message: copies are cheap, and views stay valid while any copy lives.
// Immutable, thread-safe.
class ImageFeatures {
 public:
  // `result` must have status code 0.
  explicit ImageFeatures(std::shared_ptr<const v1::ImageResult> result)
      : result_(std::move(result)) {}

  // `[C]`. NOT_FOUND when the answer holds no summary of that adaptor.
  absl::StatusOr<TensorView> Summary(absl::string_view adaptor = "backbone") const;

  // `[T, D]`, `[h, w, D]` or `[D, h, w]`, as asked for. NOT_FOUND as above.
  absl::StatusOr<TensorView> Features(absl::string_view adaptor = "backbone") const;

  // Sizes: of the image as sent, of what the model saw, and the grid of backbone tokens.
  const v1::Geometry& geometry() const { return result_->geometry(); }
  const v1::Timings& timings() const { return result_->timings(); }
  const v1::ImageResult& message() const { return *result_; }

 private:
  std::shared_ptr<const v1::ImageResult> result_;
};

// The image's own error as a status, or its features.
absl::StatusOr<ImageFeatures> ToImageFeatures(std::shared_ptr<const v1::ImageResult> result);

}  // namespace radio::client

#endif  // RADIO_CLIENT_IMAGE_FEATURES_H_
