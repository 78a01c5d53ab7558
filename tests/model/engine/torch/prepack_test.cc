#include "model/engine/torch/prepack.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

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

TEST(PrepackTest, WeightsOfLinearArePackedAndComputeTheSame) {
  const c10::InferenceMode inference;
  torch::jit::Module module = ScriptedModule(kHead);
  const at::Tensor input = at::randn({50, 768});
  const at::Tensor plain = module.get_method("summary")({input}).toTensor();
  EXPECT_EQ(PackLinearWeights(&module, {"forward", "summary", "features"}, at::kFloat), 1);
  EXPECT_TRUE(module.attr("weight").toTensor().is_mkldnn());
  EXPECT_FALSE(module.attr("mean").toTensor().is_mkldnn());
  const at::Tensor packed = module.get_method("summary")({input}).toTensor();
  EXPECT_TRUE(at::allclose(packed, plain, 1e-5, 1e-4));
}

TEST(PrepackTest, PathsLeadThroughSubmodules) {
  const c10::InferenceMode inference;
  torch::jit::Module outer("outer");
  torch::jit::Module inner = ScriptedModule(kHead);
  outer.register_module("inner", inner);
  outer.define("def forward(self, x: Tensor) -> Tensor:\n    return self.inner.summary(x)\n");
  EXPECT_EQ(PackLinearWeights(&outer, {"forward"}, at::kFloat), 1);
  EXPECT_TRUE(inner.attr("weight").toTensor().is_mkldnn());
  EXPECT_EQ(outer.forward({at::randn({3, 768})}).toTensor().size(1), 4);
}

TEST(PrepackTest, WeightsOfAnotherTypeStayPlain) {
  torch::jit::Module module = ScriptedModule(kHead);
  EXPECT_EQ(PackLinearWeights(&module, {"summary"}, at::kBFloat16), 0);
  EXPECT_FALSE(module.attr("weight").toTensor().is_mkldnn());
}

TEST(PrepackTest, WeightWithAnotherUseStaysPlain) {
  const c10::InferenceMode inference;
  torch::jit::Module module = ScriptedModule(std::string(kHead) + kOtherUse);
  EXPECT_EQ(PackLinearWeights(&module, {"summary", "features"}, at::kFloat), 0);
  EXPECT_FALSE(module.attr("weight").toTensor().is_mkldnn());
}

}  // namespace
}  // namespace radio
