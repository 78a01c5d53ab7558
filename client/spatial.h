// Sizes and layouts, by the rules of RADIO models.
#ifndef RADIO_CLIENT_SPATIAL_H_
#define RADIO_CLIENT_SPATIAL_H_

#include <vector>

#include "absl/status/statusor.h"
#include "client/image_features.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// Pixels.
struct Resolution {
  int height = 0;
  int width = 0;
};

// Each side to the nearest multiple of the model's resolution_step, halves to the even multiple, at
// least one step: equal to RADIO's get_nearest_supported_resolution, and to what the service makes
// of RESIZE_MODE_NEAREST_SUPPORTED. Sides must be positive.
Resolution NearestSupportedResolution(const v1::Model& model, int height, int width);

// `features` `[T, D]` or `[h, w, D]` as a `[D, height, width]` copy in float32: what frameworks
// with channels first expect. INVALID_ARGUMENT when they are not height * width tokens.
absl::StatusOr<std::vector<float>> ToNchw(const TensorView& features, int height, int width);

}  // namespace radio::client

#endif  // RADIO_CLIENT_SPATIAL_H_
