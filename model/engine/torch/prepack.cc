#include "model/engine/torch/prepack.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "model/ops/bfloat16_linear.h"

namespace radio {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

// Attribute names from the module down to a tensor, e.g. blocks, 0, attn, qkv, weight.
using Path = std::vector<std::string>;

// Where `value` lies in the module, if it is an attribute at all.
std::optional<Path> PathOf(const Value* value, const Value* self) {
  Path path;
  while (value != self) {
    const Node* node = value->node();
    if (node->kind() != c10::prim::GetAttr) return std::nullopt;
    path.push_back(node->s(c10::attr::name));
    value = node->input(0);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// How the module's methods use one attribute.
struct Uses {
  bool as_weight = false;
  bool otherwise = false;
};

void AddUse(const torch::jit::Use& use, Uses* uses) {
  static const auto linear = c10::Symbol::fromQualString("radio::linear");
  if (use.user->kind() == linear && use.offset == 1) {
    uses->as_weight = true;
  } else if (use.user->kind() != c10::prim::dtype) {
    uses->otherwise = true;
  }
}

// Adds the uses of every tensor attribute read in `block`.
void CollectUses(torch::jit::Block* block, const Value* self, std::map<Path, Uses>* uses) {
  for (Node* node : block->nodes()) {
    for (torch::jit::Block* inner : node->blocks()) CollectUses(inner, self, uses);
    if (node->kind() != c10::prim::GetAttr) continue;
    if (!node->output()->type()->isSubtypeOf(*c10::TensorType::get())) continue;
    const std::optional<Path> path = PathOf(node->output(), self);
    if (!path.has_value()) continue;
    for (const torch::jit::Use& use : node->output()->uses()) AddUse(use, &(*uses)[*path]);
  }
}

}  // namespace

int PackLinearWeights(Module* module, const std::vector<std::string>& methods) {
  std::map<Path, Uses> uses;
  for (const std::string& name : methods) {
    const auto method = module->find_method(name);
    if (!method.has_value()) continue;
    const std::shared_ptr<Graph> graph = method->graph()->copy();
    torch::jit::Inline(*graph);
    CollectUses(graph->block(), graph->inputs()[0], &uses);
  }
  int packed = 0;
  for (const auto& [path, use] : uses) {
    if (!use.as_weight || use.otherwise) continue;
    Module owner = *module;
    for (size_t i = 0; i + 1 < path.size(); ++i) owner = owner.attr(path[i]).toModule();
    const at::Tensor weight = owner.attr(path.back()).toTensor();
    if (!ops::IsPackable(weight)) continue;
    owner.setattr(path.back(), ops::PackWeight(weight));
    ++packed;
  }
  return packed;
}

}  // namespace radio
