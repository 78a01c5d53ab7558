#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <tuple>

#include "model/ops/cpu_features.h"
#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

at::Tensor Reorder(const at::Tensor& weight) {
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
      .typed<at::Tensor(const at::Tensor&, std::optional<int64_t>)>()
      .call(weight, 1024);
}

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

// Rows; bias; residual; GELU; reordered weight.
class LinearTest : public testing::TestWithParam<std::tuple<int, bool, bool, bool, bool>> {};

TEST_P(LinearTest, IsActivationOfTheProductPlusResidual) {
  const auto [rows, with_bias, with_residual, gelu, reordered] = GetParam();
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({rows, 72});
  const at::Tensor weight = at::randn({40, 72}) * 0.1;
  std::optional<at::Tensor> bias;
  std::optional<at::Tensor> residual;
  if (with_bias) bias = at::randn({40});
  if (with_residual) residual = at::randn({rows, 40});
  const at::Tensor output =
      Call(input, reordered ? Reorder(weight) : weight, bias, residual, gelu ? "gelu" : "none");
  EXPECT_FALSE(output.is_mkldnn());
  EXPECT_EQ(output.sizes(), (std::vector<int64_t>{rows, 40}));
  EXPECT_LT(Distance(output, input, weight, bias, residual, gelu), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(All, LinearTest,
                         testing::Combine(testing::Values(1, 7, 129), testing::Bool(),
                                          testing::Bool(), testing::Bool(), testing::Bool()));

TEST(LinearRulesTest, BFloat16PlainAndReorderedAgree) {
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({33, 64}).to(at::kBFloat16);
  const at::Tensor weight = (at::randn({48, 64}) * 0.1).to(at::kBFloat16);
  const at::Tensor bias = at::randn({48}).to(at::kBFloat16);
  const at::Tensor plain = Call(input, weight, bias, std::nullopt, "gelu");
  EXPECT_EQ(plain.scalar_type(), at::kBFloat16);
  EXPECT_LT(Distance(plain, input, weight, bias, std::nullopt, true), 3e-2);
  if (!HasBfloat16Units()) GTEST_SKIP() << "oneDNN reorders bfloat16 only where it has units";
  const at::Tensor fused = Call(input, Reorder(weight), bias, std::nullopt, "gelu");
  EXPECT_LT(Distance(fused, input, weight, bias, std::nullopt, true), 3e-2);
}

TEST(LinearRulesTest, LeadingDimensionsAndStridesAreFree) {
  const c10::InferenceMode inference;
  const at::Tensor input = at::randn({4, 16, 5}).permute({2, 0, 1});
  const at::Tensor weight = at::randn({8, 16});
  const at::Tensor plain = Call(input, weight, std::nullopt, std::nullopt, "none");
  EXPECT_EQ(plain.sizes(), (std::vector<int64_t>{5, 4, 8}));
  const at::Tensor fused = Call(input, Reorder(weight), std::nullopt, std::nullopt, "none");
  EXPECT_LT((plain - fused).abs().max().item<float>(), 1e-5f);
}

TEST(LinearRulesTest, ResidualIsNotWrittenTo) {
  const c10::InferenceMode inference;
  const at::Tensor residual = at::randn({3, 8});
  const at::Tensor copy = residual.clone();
  const at::Tensor weight = at::randn({8, 16});
  for (const char* activation : {"none", "gelu"}) {
    Call(at::randn({3, 16}), weight, std::nullopt, residual, activation);
    Call(at::randn({3, 16}), Reorder(weight), std::nullopt, residual, activation);
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
}

}  // namespace
}  // namespace radio::ops
