// radio_server: serves RADIO features over gRPC, as its configuration says.
#include <memory>

#include "model/engine/torch/runtime_environment.h"
#include "model/engine/torch/torch_engine.h"
#include "server/main/program.h"

namespace {

absl::StatusOr<std::unique_ptr<radio::Engine>> MakeEngine(const radio::server::EngineSource& source,
                                                          const radio::ModelSpec& spec) {
  radio::TorchEngine::Options options;
  options.backbone_file = source.backbone_file;
  options.adaptor_files = source.adaptor_files;
  options.device = source.device;
  options.intra_op_threads = source.intra_op_threads;
  return radio::TorchEngine::Load(options, spec);
}

}  // namespace

int main(int argc, char** argv) {
  radio::ConfigureRuntimeEnvironment(argv);
  return radio::server::RunProgram(argc, argv, MakeEngine);
}
