#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "model/ops/bfloat16_linear.h"
#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// Through the dispatcher, as a module calls it.
at::Tensor Call(const at::Tensor& input, const at::Tensor& weight,
                const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& residual,
                std::string_view activation) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("radio::linear", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            const std::optional<at::Tensor>&, std::string_view)>();
  return op.call(input, weight, bias, residual, activation);
}

double Gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

// input [M, K], weight [N, K]: largest difference to the same in double precision.
double Distance(const at::Tensor& actual, const at::Tensor& input, const at::Tensor& weight,
                const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& residual,
                bool gelu) {
  const at::Tensor x = input.to(at::kDouble);
  const at::Tensor w = weight.to(at::kDouble);
  const at::Tensor y = actual.to(at::kDouble);
  double distance = 0;
  for (int64_t m = 0; m < x.size(0); ++m) {
    for (int64_t n = 0; n < w.size(0); ++n) {
      double sum = bias.has_value() ? (*bias)[n].item<double>() : 0.0;
      for (int64_t k = 0; k < x.size(1); ++k) {
        sum += x.const_data_ptr<double>()[m * x.size(1) + k] *
               w.const_data_ptr<double>()[n * x.size(1) + k];
      }
      if (gelu) sum = Gelu(sum);
      if (residual.has_value()) sum += (*residual)[m][n].item<double>();
      distance = std::max(distance, std::abs(sum - y.const_data_ptr<double>()[m * w.size(0) + n]));
    }
  }
  return distance;
}

// Rows; bias; residual; GELU.
class LinearTest : public testing::TestWithParam<std::tuple<int, bool, bool, bool>> {
 protected:
  // LibTorch seeds its generator anew in each process.
  LinearTest() { at::manual_seed(1); }
};

TEST_P(LinearTest, IsActivationOfTheProductPlusResidual) {
  const auto [rows, with_bias, with_residual, gelu] = GetParam();
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({rows, 72});
  const at::Tensor weight = at::randn({40, 72}) * 0.1;
  std::optional<at::Tensor> bias;
  std::optional<at::Tensor> residual;
  if (with_bias) bias = at::randn({40});
  if (with_residual) residual = at::randn({rows, 40});
  const at::Tensor output = Call(input, weight, bias, residual, gelu ? "gelu" : "none");
  EXPECT_EQ(output.sizes(), (std::vector<int64_t>{rows, 40}));
  EXPECT_LT(Distance(output, input, weight, bias, residual, gelu), 1e-5);
}

// The same in bfloat16 with a packed weight: block and panel edges, inner values that fill no step.
TEST_P(LinearTest, PackedIsTheSame) {
  const auto [rows, with_bias, with_residual, gelu] = GetParam();
  const c10::InferenceMode inference;
  for (const auto& [outputs, inputs] : {std::pair{48, 72}, std::pair{16, 64}}) {
    const at::Tensor input = at::randn({rows, inputs}).to(at::kBFloat16);
    const at::Tensor weight = (at::randn({outputs, inputs}) * 0.1).to(at::kBFloat16);
    std::optional<at::Tensor> bias;
    std::optional<at::Tensor> residual;
    if (with_bias) bias = at::randn({outputs}).to(at::kBFloat16);
    if (with_residual) residual = at::randn({rows, outputs}).to(at::kBFloat16);
    const at::Tensor output =
        Call(input, PackWeight(weight), bias, residual, gelu ? "gelu" : "none");
    EXPECT_EQ(output.scalar_type(), at::kBFloat16);
    EXPECT_EQ(output.sizes(), (std::vector<int64_t>{rows, outputs}));
    // Half a unit in the last place of the largest values.
    EXPECT_LT(Distance(output, input, weight, bias, residual, gelu), 1.7e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearTest,
                         testing::Combine(testing::Values(1, 7, 129), testing::Bool(),
                                          testing::Bool(), testing::Bool()));

TEST(PackedLinearTest, GeluIsExactWithinTheRounding) {
  const c10::InferenceMode inference;
  // Products with one: the activation alone.
  const at::Tensor x = at::arange(-8.0, 8.0, 1.0 / 64, at::kFloat).to(at::kBFloat16);
  at::Tensor weight = at::zeros({16, 32}, at::kBFloat16);
  weight.narrow(1, 0, 1).fill_(1.0);
  at::Tensor input = at::zeros({x.size(0), 32}, at::kBFloat16);
  input.select(1, 0).copy_(x);
  const at::Tensor y = Call(input, PackWeight(weight), std::nullopt, std::nullopt, "gelu");
  for (int64_t i = 0; i < x.size(0); ++i) {
    const double exact = Gelu(x[i].item<double>());
    // bfloat16 has eight bits; far out the series' own 1.5e-7 counts.
    ASSERT_NEAR(y[i][3].item<double>(), exact, std::abs(exact) / 256 + 1e-6) << x[i].item<double>();
  }
}

TEST(PackedLinearTest, RowsAreTheSameBitsInEveryBatch) {
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({300, 96}).to(at::kBFloat16);
  const at::Tensor weight = PackWeight(at::randn({4800, 96}).to(at::kBFloat16));
  const at::Tensor all = Call(input, weight, std::nullopt, std::nullopt, "gelu");
  for (const int rows : {1, 31, 32, 33, 129, 299}) {
    const at::Tensor some =
        Call(input.narrow(0, 1, rows), weight, std::nullopt, std::nullopt, "gelu");
    EXPECT_TRUE(some.equal(all.narrow(0, 1, rows))) << rows << " rows";
  }
}

TEST(PackedLinearTest, NoRowsGiveNone) {
  const at::Tensor weight = PackWeight(at::zeros({16, 40}, at::kBFloat16));
  const at::Tensor none = at::zeros({0, 40}, at::kBFloat16);
  EXPECT_EQ(Linear(none, weight, {}, {}, "none").sizes(), (std::vector<int64_t>{0, 16}));
}

TEST(PackedLinearTest, UndefinedResidualIsNone) {
  const at::Tensor weight = PackWeight(at::randn({16, 40}).to(at::kBFloat16));
  const at::Tensor input = at::randn({3, 40}).to(at::kBFloat16);
  EXPECT_TRUE(Linear(input, weight, {}, at::Tensor(), "none")
                  .equal(Linear(input, weight, {}, std::nullopt, "none")));
}

TEST(PackedLinearTest, NanStaysInItsRow) {
  const c10::InferenceMode inference;
  at::Tensor input = at::randn({40, 75}).to(at::kBFloat16);
  input[35].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor weight = PackWeight(at::randn({32, 75}).to(at::kBFloat16));
  const at::Tensor wrong = Call(input, weight, std::nullopt, std::nullopt, "gelu").isnan();
  EXPECT_EQ(wrong.any(1).sum().item<int64_t>(), 1);
  EXPECT_TRUE(wrong[35].all().item<bool>());
}

TEST(PackedLinearTest, OtherWeightsAreNotPackable) {
  EXPECT_TRUE(IsPackable(at::zeros({16, 3}, at::kBFloat16)));
  EXPECT_FALSE(IsPackable(at::zeros({16, 3})));
  EXPECT_FALSE(IsPackable(at::zeros({17, 3}, at::kBFloat16)));
  EXPECT_FALSE(IsPackable(at::zeros({16}, at::kBFloat16)));
  EXPECT_THROW(PackWeight(at::zeros({17, 3}, at::kBFloat16)), c10::Error);
}

TEST(LinearRulesTest, LeadingDimensionsAndStridesAreFree) {
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({4, 16, 5}).permute({2, 0, 1});
  const at::Tensor weight = at::randn({8, 16});
  const at::Tensor plain = Call(input, weight, std::nullopt, std::nullopt, "none");
  EXPECT_EQ(plain.sizes(), (std::vector<int64_t>{5, 4, 8}));
  const at::Tensor narrow = input.to(at::kBFloat16);
  const at::Tensor square = at::randn({16, 16}).to(at::kBFloat16);
  const at::Tensor packed = Call(narrow, PackWeight(square), std::nullopt, std::nullopt, "none");
  const at::Tensor expected = at::linear(narrow.to(at::kFloat), square.to(at::kFloat));
  EXPECT_EQ(packed.sizes(), (std::vector<int64_t>{5, 4, 16}));
  EXPECT_TRUE(at::allclose(packed.to(at::kFloat), expected, 1e-2, 1e-2));
}

TEST(LinearRulesTest, ResidualIsNotWrittenTo) {
  const c10::InferenceMode inference;
  const at::Tensor residual = at::randn({3, 8});
  const at::Tensor copy = residual.clone();
  const at::Tensor weight = at::randn({8, 16});
  for (const char* activation : {"none", "gelu"}) {
    Call(at::randn({3, 16}), weight, std::nullopt, residual, activation);
    EXPECT_TRUE(residual.equal(copy));
  }
}

TEST(LinearRulesTest, FloatRowsAreTheSameBitsInEveryBatch) {
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({300, 96});
  const at::Tensor weight = at::randn({48, 96});
  const at::Tensor bias = at::randn({48});
  const at::Tensor all = Call(input, weight, bias, std::nullopt, "gelu");
  for (const int rows : {1, 2, 3, 5, 11, 15, 16, 17, 40, 299}) {
    const at::Tensor some = Call(input.narrow(0, 1, rows), weight, bias, std::nullopt, "gelu");
    EXPECT_TRUE(some.equal(all.narrow(0, 1, rows))) << rows << " rows";
  }
}

TEST(LinearRulesTest, RefusesWhatBreaksItsRules) {
  const at::Tensor input = at::randn({3, 16});
  const auto message = [](const char* text) { return ThrowsMessage<c10::Error>(HasSubstr(text)); };
  EXPECT_THAT([&] { Linear(input, at::randn({8, 16}), {}, {}, "relu"); }, message("got \"relu\""));
  EXPECT_THAT(
      [&] {
        Linear(input, at::randn({8, 15}), {}, {}, "none");
      },
      message("input [3, 16] does not fit weight [8, 15]"));
  EXPECT_THAT([&] { Linear(input, at::randn({16}), {}, {}, "none"); }, message("does not fit"));
  const at::Tensor packed = PackWeight(at::zeros({16, 40}, at::kBFloat16));
  const at::Tensor narrow = at::zeros({3, 40}, at::kBFloat16);
  EXPECT_THAT([&] { Linear(input, packed, {}, {}, "none"); }, message("does not fit"));
  EXPECT_THAT(
      [&] {
        Linear(at::zeros({3, 40}), packed, {}, {}, "none");
      },
      message("bfloat16 only"));
  EXPECT_THAT([&] { Linear(narrow, packed, at::zeros({8}), {}, "none"); },
              message("bias of 8 values for 16 outputs"));
  EXPECT_THAT(
      [&] {
        Linear(narrow, packed, {}, at::zeros({3, 8}, at::kBFloat16), "none");
      },
      message("residual must be [3, 16]"));
}

}  // namespace
}  // namespace radio::ops
