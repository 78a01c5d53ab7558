// A model's normalisation of pixels, for callers that want it done on their side.
#ifndef RADIO_CLIENT_EXTERNAL_CONDITIONER_H_
#define RADIO_CLIENT_EXTERNAL_CONDITIONER_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// Equal to what RADIO's make_preprocessor_external hands out: (x - mean) / std per channel. Images
// that went through it must be sent with Preprocessing.conditioned. Immutable, thread-safe.
class ExternalConditioner {
 public:
  // FAILED_PRECONDITION when the model's facts hold no such normalisation.
  static absl::StatusOr<ExternalConditioner> Of(const v1::Model& model);

  // `pixels` is `[3, H, W]`, RGB in [0, 1], changed in place. INVALID_ARGUMENT unless its size is a
  // multiple of three.
  absl::Status Apply(absl::Span<float> pixels) const;

  // 8-bit RGB `[height, width, 3]` as a FLOAT32 tensor `[3, height, width]`, ready to be sent.
  // INVALID_ARGUMENT when the sizes do not agree.
  absl::StatusOr<v1::Image> FromRgb(absl::Span<const uint8_t> rgb, int height, int width) const;

 private:
  ExternalConditioner() = default;

  std::array<float, 3> mean_;
  std::array<float, 3> std_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_EXTERNAL_CONDITIONER_H_
