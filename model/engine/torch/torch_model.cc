#include "model/engine/torch/torch_model.h"

#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <mutex>
#include <string>
#include <vector>

#include "model/engine/torch/prepack.h"
#include "model/engine/torch/torch_errors.h"
#include "model/ops/block_product.h"
#include "model/ops/cpu_features.h"

namespace radio {
namespace {

// Sizes never settle, so code specialised to shapes would be made anew for ever. Process-wide.
void ConfigureExecutor() {
  static std::once_flag once;
  std::call_once(once, [] {
    torch::jit::getProfilingMode() = false;
    torch::jit::setTensorExprFuserEnabled(false);
  });
}

// Module::to would convert integer buffers too.
void WidenBfloat16(const torch::jit::Module& module) {
  const auto widen = [](at::Tensor tensor) {
    if (tensor.scalar_type() == c10::kBFloat16) tensor.set_data(tensor.to(c10::kFloat));
  };
  for (const at::Tensor& parameter : module.parameters()) widen(parameter);
  for (const at::Tensor& buffer : module.buffers()) widen(buffer);
}

torch::jit::Module ReadModule(const std::string& file, c10::Device device) {
  try {
    return torch::jit::load(file, device);
  } catch (const std::exception& error) {
    TORCH_CHECK(false, file, ": ", ShortMessage(error));
  }
}

torch::jit::Module LoadModule(const std::string& file, c10::Device device) {
  torch::jit::Module module = ReadModule(file, device);
  module.eval();
  if (device.is_cpu()) {
    if (ops::HasBfloat16Units()) {
      if (ops::HasBlockUnit()) PackLinearWeights(&module, {"forward", "summary", "features"});
    } else {
      // The same weights in float32: at least as exact, for twice the memory.
      WidenBfloat16(module);
    }
  }
  return module;
}

}  // namespace

struct TorchModel::Modules {
  torch::jit::Module backbone;
  std::vector<torch::jit::Module> adaptors;
};

TorchModel::TorchModel(const std::string& backbone_file,
                       const std::vector<std::string>& adaptor_files, c10::Device device)
    : modules_(std::make_unique<Modules>()) {
  ConfigureExecutor();
  modules_->backbone = LoadModule(backbone_file, device);
  for (const std::string& file : adaptor_files) {
    modules_->adaptors.push_back(LoadModule(file, device));
  }
}

TorchModel::~TorchModel() = default;

TorchModel::Tokens TorchModel::Backbone(const std::vector<at::Tensor>& images,
                                        const std::vector<bool>& conditioned) {
  c10::List<bool> flags;
  for (const bool flag : conditioned) flags.push_back(flag);
  const c10::IValue result =
      modules_->backbone.forward({c10::List<at::Tensor>(images), std::move(flags)});
  TORCH_CHECK(result.isTuple() && result.toTupleRef().elements().size() == 2,
              "backbone: forward must return two tensors");
  const auto& elements = result.toTupleRef().elements();
  return {elements[0].toTensor(), elements[1].toTensor()};
}

at::Tensor TorchModel::Summary(size_t adaptor, const at::Tensor& prefix) {
  return modules_->adaptors[adaptor].get_method("summary")({prefix}).toTensor();
}

at::Tensor TorchModel::Features(size_t adaptor, const at::Tensor& features,
                                const at::Tensor& grids) {
  return modules_->adaptors[adaptor].get_method("features")({features, grids}).toTensor();
}

}  // namespace radio
