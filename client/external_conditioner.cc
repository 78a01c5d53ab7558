#include "client/external_conditioner.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::client {

absl::StatusOr<ExternalConditioner> ExternalConditioner::Of(const v1::Model& model) {
  const bool positive =
      std::all_of(model.std().begin(), model.std().end(), [](float value) { return value > 0; });
  if (model.mean_size() != 3 || model.std_size() != 3 || !positive) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.name(), ": its facts hold no mean and std of three channels"));
  }
  ExternalConditioner conditioner;
  std::copy_n(model.mean().begin(), 3, conditioner.mean_.begin());
  std::copy_n(model.std().begin(), 3, conditioner.std_.begin());
  return conditioner;
}

absl::Status ExternalConditioner::Apply(absl::Span<float> pixels) const {
  if (pixels.size() % 3 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pixels: ", pixels.size(), " values are no three channels"));
  }
  const size_t plane = pixels.size() / 3;
  for (size_t c = 0; c < 3; ++c) {
    for (float& value : pixels.subspan(c * plane, plane)) value = (value - mean_[c]) / std_[c];
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Image> ExternalConditioner::FromRgb(absl::Span<const uint8_t> rgb, int height,
                                                       int width) const {
  const size_t plane = static_cast<size_t>(std::max(height, 0)) * std::max(width, 0);
  if (plane == 0 || rgb.size() != plane * 3) {
    return absl::InvalidArgumentError(absl::StrCat("rgb: ", rgb.size(), " bytes are not ", height,
                                                   " x ", width, " pixels of three channels"));
  }
  std::vector<float> pixels(rgb.size());
  for (size_t i = 0; i < plane; ++i) {
    for (size_t c = 0; c < 3; ++c) pixels[c * plane + i] = static_cast<float>(rgb[i * 3 + c]) / 255;
  }
  RADIO_RETURN_IF_ERROR(Apply(absl::MakeSpan(pixels)));
  v1::Image image;
  v1::Tensor* tensor = image.mutable_tensor();
  tensor->set_data_type(v1::DATA_TYPE_FLOAT32);
  for (int64_t extent : {3, height, width}) tensor->add_shape(extent);
  tensor->set_data(pixels.data(), pixels.size() * sizeof(float));
  return image;
}

}  // namespace radio::client
