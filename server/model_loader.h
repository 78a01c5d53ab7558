// From a folder on disk to an engine that has proved itself.
#ifndef RADIO_SERVER_MODEL_LOADER_H_
#define RADIO_SERVER_MODEL_LOADER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/model_manifest.pb.h"
#include "config/server_config.pb.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"
#include "server/monitored_engine.h"

namespace radio::server {

// What an engine is made of.
struct EngineSource {
  // Paths to the artefact's verified files, good until the factory returns. They are not the
  // files' names: see TrustedFile::path.
  std::string backbone_file;
  // One per adaptor, in the order of the spec's outputs after the backbone.
  std::vector<std::string> adaptor_files;
  // "cpu" or "cuda:N".
  std::string device;
  // 0: as many as there are cores.
  int intra_op_threads = 0;
};

// Makes an engine; blocks while it loads.
using EngineFactory =
    std::function<absl::StatusOr<std::unique_ptr<Engine>>(const EngineSource&, const ModelSpec&)>;

struct LoadedModel {
  ModelSpec spec;
  std::unique_ptr<MonitoredEngine> engine;
  std::string device;
  absl::Duration load_duration;
  // Token equivalents of a batch, and where the number is from.
  double max_batch_cost = 0;
  absl::string_view max_batch_cost_from = "configuration";
};

// The manifests of all models, in their order; INVALID_ARGUMENT lists every model whose manifest
// cannot be used, as "models[i].path: why". Blocks.
absl::StatusOr<std::vector<config::ModelManifest>> LoadManifests(
    const config::ServerConfig& config);

// Verifies the files, makes the engine and runs the self-test, which is the warm-up too. Blocks.
absl::StatusOr<LoadedModel> LoadModel(const config::ServedModel& model,
                                      const config::ModelManifest& manifest, int intra_op_threads,
                                      const EngineFactory& make_engine);

// What a batch of the model may cost: as configured, else measured on a GPU, else enough for the
// full rate of a CPU's matrix products (docs/adr/0006). Measuring takes about three seconds.
// Blocks; an engine that fails is its status.
absl::Status SetMaxBatchCost(const config::ServerConfig& config, LoadedModel* model);

}  // namespace radio::server

#endif  // RADIO_SERVER_MODEL_LOADER_H_
