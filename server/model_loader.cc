#include "server/model_loader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/manifest.h"
#include "model/base/clock.h"
#include "model/base/status_macros.h"
#include "model/self_test.h"
#include "server/manifest_conversion.h"

namespace radio::server {

absl::StatusOr<std::vector<config::ModelManifest>> LoadManifests(
    const config::ServerConfig& config) {
  std::vector<config::ModelManifest> manifests;
  std::vector<std::string> problems;
  for (int i = 0; i < config.models_size(); ++i) {
    absl::StatusOr<config::ModelManifest> manifest = config::LoadManifest(config.models(i).path());
    if (manifest.ok()) {
      manifests.push_back(*std::move(manifest));
    } else {
      problems.push_back(absl::StrCat("models[", i, "].path: ", manifest.status().message()));
    }
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  return manifests;
}

absl::StatusOr<LoadedModel> LoadModel(const config::ServedModel& model,
                                      const config::ModelManifest& manifest, int intra_op_threads,
                                      const EngineFactory& make_engine) {
  const absl::Time start = Clock::Real()->Now();
  RADIO_RETURN_IF_ERROR(config::VerifyFiles(model.path(), manifest));
  EngineSource source;
  source.folder = model.path();
  source.backbone_file = manifest.backbone().name();
  for (const config::Adaptor& adaptor : manifest.adaptors()) {
    source.adaptor_files.push_back(adaptor.file().name());
  }
  source.device = model.device();
  source.intra_op_threads = intra_op_threads;

  LoadedModel loaded;
  loaded.spec = SpecOf(manifest, model.name());
  loaded.device = model.device();
  RADIO_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, make_engine(source, loaded.spec));
  loaded.engine = std::make_unique<MonitoredEngine>(std::move(engine), Clock::Real());
  RADIO_ASSIGN_OR_RETURN(const SelfTest test, SelfTestOf(manifest));
  RADIO_RETURN_IF_ERROR(RunSelfTest(loaded.engine.get(), loaded.spec, test));
  loaded.load_duration = Clock::Real()->Now() - start;
  return loaded;
}

}  // namespace radio::server
