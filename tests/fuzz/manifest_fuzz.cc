// Any text as a manifest: errors with their place, violations, or facts that can be used.
#include <cstdint>

#include "absl/strings/match.h"
#include "config/load.h"
#include "config/manifest.h"
#include "server/manifest_conversion.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  radio::config::ModelManifest manifest;
  const absl::Status status = radio::config::ParseText(text, "fuzz", &manifest);
  if (!status.ok()) {
    FUZZ_CHECK(absl::StartsWith(status.message(), "fuzz:"));
    return 0;
  }
  if (!radio::config::ManifestViolations(manifest).empty()) return 0;
  const radio::ModelSpec spec = radio::server::SpecOf(manifest, "m");
  FUZZ_CHECK(spec.outputs.size() == size_t{1} + manifest.adaptors_size());
  FUZZ_CHECK(spec.resolution_step % spec.patch_size == 0);
  for (const radio::AdaptorSpec& output : spec.outputs) {
    FUZZ_CHECK(output.summary_dim >= 0 && output.feature_dim >= 0 && output.upsample_factor > 0);
  }
  (void)radio::server::SelfTestOf(manifest);
  return 0;
}
