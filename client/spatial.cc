#include "client/spatial.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace radio::client {
namespace {

int RoundToStep(int side, int step) {
  const int below = side / step;
  const int rest = side % step;
  const bool up = 2 * rest > step || (2 * rest == step && below % 2 == 1);
  return std::max(1, below + (up ? 1 : 0)) * step;
}

}  // namespace

Resolution NearestSupportedResolution(const v1::Model& model, int height, int width) {
  const int step = std::max(1, model.resolution_step());
  return {RoundToStep(height, step), RoundToStep(width, step)};
}

absl::StatusOr<std::vector<float>> ToNchw(const TensorView& features, int height, int width) {
  const int64_t tokens = static_cast<int64_t>(height) * width;
  const auto shape = features.shape();
  const bool flat = shape.size() == 2 && shape[0] == tokens;
  const bool grid = shape.size() == 3 && shape[0] == height && shape[1] == width;
  if (height < 1 || width < 1 || !(flat || grid)) {
    return absl::InvalidArgumentError(
        absl::StrCat("features: not ", height, " x ", width, " tokens with channels last"));
  }
  const int64_t channels = shape.back();
  const std::vector<float> values = features.ToFloat32();
  std::vector<float> result(values.size());
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t c = 0; c < channels; ++c) {
      result[c * tokens + token] = values[token * channels + c];
    }
  }
  return result;
}

}  // namespace radio::client
