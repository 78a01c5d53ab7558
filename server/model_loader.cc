#include "server/model_loader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "config/manifest.h"
#include "model/base/clock.h"
#include "model/base/status_macros.h"
#include "model/batching/budget_probe.h"
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

namespace {

// Token equivalents.
constexpr double kCpuBatchCost = 4096;

// An engine's complaint with the files' own names.
absl::Status WithNames(const absl::Status& error, const std::vector<config::TrustedFile>& files) {
  std::string message(error.message());
  for (const config::TrustedFile& file : files) {
    absl::StrReplaceAll({{file.path() + ":", file.name() + ":"}}, &message);
  }
  return absl::Status(error.code(), message);
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const config::ServedModel& model,
                                      const config::ModelManifest& manifest, int intra_op_threads,
                                      const EngineFactory& make_engine) {
  const absl::Time start = Clock::Real()->Now();
  // Held open until the engine has read them: what was verified is what it reads.
  RADIO_ASSIGN_OR_RETURN(const std::vector<config::TrustedFile> files,
                         config::OpenFiles(model.path(), manifest));
  EngineSource source;
  source.backbone_file = files[0].path();
  for (size_t i = 1; i < files.size(); ++i) source.adaptor_files.push_back(files[i].path());
  source.device = model.device();
  source.intra_op_threads = intra_op_threads;

  LoadedModel loaded;
  loaded.spec = SpecOf(manifest, model.name());
  loaded.device = model.device();
  absl::StatusOr<std::unique_ptr<Engine>> engine = make_engine(source, loaded.spec);
  if (!engine.ok()) return WithNames(engine.status(), files);
  for (const config::TrustedFile& file : files) RADIO_RETURN_IF_ERROR(file.Unchanged());
  loaded.engine = std::make_unique<MonitoredEngine>(*std::move(engine), Clock::Real());
  RADIO_ASSIGN_OR_RETURN(const SelfTest test, SelfTestOf(manifest));
  RADIO_RETURN_IF_ERROR(RunSelfTest(loaded.engine.get(), loaded.spec, test));
  loaded.load_duration = Clock::Real()->Now() - start;
  return loaded;
}

absl::Status SetMaxBatchCost(const config::ServerConfig& config, LoadedModel* model) {
  model->max_batch_cost = static_cast<double>(config.max_batch_cost());
  if (model->max_batch_cost > 0) return absl::OkStatus();
  if (model->device == "cpu") {
    model->max_batch_cost = kCpuBatchCost;
    model->max_batch_cost_from = "default";
    return absl::OkStatus();
  }
  RADIO_ASSIGN_OR_RETURN(
      const MeasuredBudget measured,
      MeasureBudget(model->engine.get(), model->spec, *Clock::Real(), BudgetProbeOptions{}));
  model->max_batch_cost = measured.max_cost;
  model->max_batch_cost_from = "measurement";
  return absl::OkStatus();
}

}  // namespace radio::server
