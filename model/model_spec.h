// The facts and rules of one served model, as plain values: what a size must satisfy, what the
// outputs look like.
#ifndef RADIO_MODEL_MODEL_SPEC_H_
#define RADIO_MODEL_MODEL_SPEC_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/types.h"

namespace radio {

struct AdaptorSpec {
  std::string name;
  // Channels; 0 when the adaptor has no such output.
  int summary_dim = 0;
  int feature_dim = 0;
  // Feature tokens per side and backbone token.
  int upsample_factor = 1;
};

// Immutable once built. The meaning of each field is that of radio.config.ModelManifest.
struct ModelSpec {
  // The name requests use.
  std::string name;
  std::string version;
  std::string architecture;
  std::string precision;
  std::string license;
  std::string source_sha256;
  std::string embedding_space;
  bool random_weights = false;

  int patch_size = 16;
  int resolution_step = 16;
  int max_resolution = 2048;
  Size preferred;
  std::optional<int> window_size;
  std::array<float, 3> mean{};
  std::array<float, 3> std{};

  // Images of different sizes may share a batch.
  bool mixed_sizes = true;
  int num_prefix_tokens = 0;
  std::vector<int> summary_indices;
  FeatureLayout default_layout = FeatureLayout::kNlc;
  // The backbone first, then the adaptors in manifest order.
  std::vector<AdaptorSpec> outputs;

  // Backbone tokens of an image. `size` must be supported.
  Size GridOf(Size size) const { return {size.height / patch_size, size.width / patch_size}; }
};

// `side` to the nearest multiple of the spec's step, halves to even, at least one step (RADIO's
// get_nearest_supported_resolution); beyond max_resolution the largest supported side. A fraction
// of a pixel is what remains of a side in proportion to another.
int NearestSupportedSide(const ModelSpec& spec, double side);

// Both sides by NearestSupportedSide.
Size NearestSupportedSize(const ModelSpec& spec, Size size);

// OK, or RESOLUTION_UNSUPPORTED with a message that names the rule, the value and the nearest
// supported size.
absl::Status CheckSupported(const ModelSpec& spec, Size size);

// Index into spec.outputs; `name` empty means the backbone. ADAPTOR_NOT_FOUND lists the valid
// names.
absl::StatusOr<int> FindOutput(const ModelSpec& spec, absl::string_view name);

}  // namespace radio

#endif  // RADIO_MODEL_MODEL_SPEC_H_
