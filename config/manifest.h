// The manifest of an exported model: read, checked against its rules, and its files against it.
#ifndef RADIO_CONFIG_MANIFEST_H_
#define RADIO_CONFIG_MANIFEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/file_check.h"
#include "config/model_manifest.pb.h"

namespace radio::config {

// Every rule of docs/artefacts.md that the manifest breaks, as "field.path: rule, value". Pure.
std::vector<std::string> ManifestViolations(const ModelManifest& manifest);

// Reads FOLDER/manifest.textproto and checks its rules; INVALID_ARGUMENT lists all that are broken.
// Blocks.
absl::StatusOr<ModelManifest> LoadManifest(const std::string& folder);

// Opens the backbone and every adaptor, in this order, and verifies them (file_check.h). Blocks:
// reads all of them.
absl::StatusOr<std::vector<TrustedFile>> OpenFiles(const std::string& folder,
                                                   const ModelManifest& manifest);

}  // namespace radio::config

#endif  // RADIO_CONFIG_MANIFEST_H_
