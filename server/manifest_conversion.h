// What a manifest says, as the core's plain values.
#ifndef RADIO_SERVER_MANIFEST_CONVERSION_H_
#define RADIO_SERVER_MANIFEST_CONVERSION_H_

#include <string>

#include "absl/status/statusor.h"
#include "config/model_manifest.pb.h"
#include "model/model_spec.h"
#include "model/self_test.h"

namespace radio::server {

// The facts and rules of a model that requests call `name`. The manifest keeps its own rules
// (config/manifest.h).
ModelSpec SpecOf(const config::ModelManifest& manifest, const std::string& name);

// The recorded self-test, in the order of the spec's outputs. INVALID_ARGUMENT when recorded
// outputs are missing or are no float32 arrays.
absl::StatusOr<SelfTest> SelfTestOf(const config::ModelManifest& manifest);

}  // namespace radio::server

#endif  // RADIO_SERVER_MANIFEST_CONVERSION_H_
