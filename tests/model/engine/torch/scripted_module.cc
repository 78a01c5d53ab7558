#include "tests/model/engine/torch/scripted_module.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

#include <memory>

namespace radio {
namespace {

// Source text reaches operators through torch.ops only in Python; here `radio` is their namespace.
struct OperatorResolver : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(
      const std::string& name, torch::jit::GraphFunction& function,
      const torch::jit::SourceRange& range) override {
    if (name == "radio") return std::make_shared<torch::jit::BuiltinModule>("radio");
    return NativeResolver::resolveValue(name, function, range);
  }
};

}  // namespace

const char kScriptedBackbone[] = R"JIT(
def forward(self, images: List[Tensor], conditioned: List[bool]) -> Tuple[Tensor, Tensor]:
    patches = radio.patchify(images, conditioned, self.mean, self.std, 16, 6)
    tokens = radio.linear(patches, self.weight, None, None, "none")
    prefix: List[Tensor] = []
    start = 0
    for image in images:
        end = start + (image.size(1) // 16) * (image.size(2) // 16)
        prefix.append(torch.stack([tokens[start:end].mean(0), tokens[start]]))
        start = end
    return torch.stack(prefix), tokens
)JIT";

torch::jit::Module ScriptedModule(const std::string& source) {
  torch::jit::Module module("scripted");
  module.register_parameter("mean", at::tensor({0.5f, 0.4f, 0.3f}), /*is_buffer=*/true);
  module.register_parameter("std", at::tensor({0.3f, 0.2f, 0.25f}), /*is_buffer=*/true);
  // Values without a pattern that a wrong order would keep.
  const at::Tensor weight = at::sin(at::arange(4 * 768, at::kFloat) * 1.7).view({4, 768});
  module.register_parameter("weight", weight, /*is_buffer=*/false);
  module.define(source, std::make_shared<OperatorResolver>());
  return module;
}

}  // namespace radio
