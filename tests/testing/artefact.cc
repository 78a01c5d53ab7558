#include "tests/testing/artefact.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "config/manifest.h"
#include "model/base/status_macros.h"
#include "server/manifest_conversion.h"

namespace radio {

absl::StatusOr<Artefact> ReadArtefact(const std::string& given) {
  // Bazel hands a test its files as symbolic links, which a server refuses.
  std::error_code error;
  const std::string directory =
      std::filesystem::canonical(given + "/manifest.textproto", error).parent_path().string();
  if (error) return absl::NotFoundError(absl::StrCat(given, ": ", error.message()));
  RADIO_ASSIGN_OR_RETURN(const config::ModelManifest manifest, config::LoadManifest(directory));
  Artefact artefact;
  artefact.directory = directory;
  artefact.spec = server::SpecOf(manifest, manifest.version());
  artefact.backbone_file = manifest.backbone().name();
  for (const config::Adaptor& adaptor : manifest.adaptors()) {
    artefact.adaptor_files.push_back(adaptor.file().name());
  }
  RADIO_ASSIGN_OR_RETURN(artefact.self_test, server::SelfTestOf(manifest));
  return artefact;
}

}  // namespace radio
