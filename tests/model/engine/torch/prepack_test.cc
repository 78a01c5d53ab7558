#include "model/engine/torch/prepack.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include "model/ops/bfloat16_linear.h"
#include "tests/model/engine/torch/scripted_module.h"

namespace radio {
namespace {

constexpr char kHead[] = R"JIT(
def summary(self, x: Tensor) -> Tensor:
    return radio.linear(x.to(self.weight.dtype), self.weight, None, None, "gelu")
)JIT";

// The same weight, used as a plain tensor by another method.
constexpr char kOtherUse[] = R"JIT(
def features(self, x: Tensor) -> Tensor:
    return x + self.weight.sum()
)JIT";

constexpr int64_t kOutputs = 16;

// With a weight [kOutputs, 768] of `dtype`.
torch::jit::Module Scripted(const std::string& methods, at::ScalarType dtype = at::kBFloat16) {
  torch::jit::Module module = ScriptedModule(methods);
  module.setattr("weight", (at::randn({kOutputs, 768}) * 0.1).to(dtype));
  return module;
}

bool HasPackedWeight(const torch::jit::Module& module) {
  return ops::IsPacked(module.attr("weight").toTensor());
}

TEST(PrepackTest, WeightsOfLinearArePackedAndComputeTheSame) {
  const c10::InferenceMode inference;
  torch::jit::Module module = Scripted(kHead);
  const at::Tensor input = at::randn({50, 768});
  const at::Tensor plain = module.get_method("summary")({input}).toTensor();
  EXPECT_EQ(PackLinearWeights(&module, {"forward", "summary", "features"}), 1);
  EXPECT_TRUE(HasPackedWeight(module));
  EXPECT_EQ(module.attr("mean").toTensor().dim(), 1);
  const at::Tensor packed = module.get_method("summary")({input}).toTensor();
  EXPECT_TRUE(at::allclose(packed.to(at::kFloat), plain.to(at::kFloat), 2e-2, 2e-2));
}

TEST(PrepackTest, PathsLeadThroughSubmodules) {
  const c10::InferenceMode inference;
  torch::jit::Module outer("outer");
  torch::jit::Module inner = Scripted(kHead);
  outer.register_module("inner", inner);
  outer.define("def forward(self, x: Tensor) -> Tensor:\n    return self.inner.summary(x)\n");
  EXPECT_EQ(PackLinearWeights(&outer, {"forward"}), 1);
  EXPECT_TRUE(HasPackedWeight(inner));
  EXPECT_EQ(outer.forward({at::randn({3, 768})}).toTensor().size(1), kOutputs);
}

TEST(PrepackTest, WeightsOfAnotherTypeStayPlain) {
  torch::jit::Module module = Scripted(kHead, at::kFloat);
  EXPECT_EQ(PackLinearWeights(&module, {"summary"}), 0);
  EXPECT_FALSE(HasPackedWeight(module));
}

TEST(PrepackTest, WeightWithAnotherUseStaysPlain) {
  const c10::InferenceMode inference;
  torch::jit::Module module = Scripted(std::string(kHead) + kOtherUse);
  EXPECT_EQ(PackLinearWeights(&module, {"summary", "features"}), 0);
  EXPECT_FALSE(HasPackedWeight(module));
}

}  // namespace
}  // namespace radio
