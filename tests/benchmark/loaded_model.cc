#include "tests/benchmark/loaded_model.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/engine/torch/torch_engine.h"
#include "tests/benchmark/machine_load.h"
#include "tests/testing/artefact.h"

namespace radio {
namespace {

template <typename T>
T ValueOrExit(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  std::exit(1);
}

}  // namespace

LoadedModel LoadForBenchmark(const std::string& directory, const std::string& device, int threads) {
  const Artefact artefact = ValueOrExit(ReadArtefact(directory));
  TorchEngine::Options options;
  options.directory = artefact.directory;
  options.backbone_file = artefact.backbone_file;
  options.adaptor_files = artefact.adaptor_files;
  options.device = device;
  options.intra_op_threads = threads;
  LoadedModel model;
  const double start = WallSeconds();
  model.engine = ValueOrExit(TorchEngine::Load(options, artefact.spec));
  model.load_seconds = WallSeconds() - start;
  model.work = ReadModelWork(absl::StrCat(directory, "/", artefact.backbone_file));
  model.spec = artefact.spec;
  std::printf("%s %s, %s\n", model.spec.version.c_str(), model.spec.precision.c_str(),
              model.engine->description().c_str());
  return model;
}

}  // namespace radio
