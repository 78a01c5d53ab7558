#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <tuple>

#include "model/ops/cpu_features.h"
#include "model/ops/kernel_rows.h"
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

TEST(LinearRulesTest, KernelRowsAreFewAndCloseToTheRows) {
  std::set<int64_t> numbers;
  for (int64_t rows = 1; rows <= 8192; ++rows) {
    const int64_t padded = KernelRows(rows);
    ASSERT_GE(padded, rows);
    ASSERT_EQ(padded % 16, 0);
    ASSERT_LE(padded - rows, std::max<int64_t>(15, rows / 32)) << rows;
    ASSERT_EQ(KernelRows(padded), padded) << rows;
    numbers.insert(padded);
  }
  EXPECT_EQ(numbers.size(), 160u);
}

TEST(LinearRulesTest, ReorderedWeightMeetsFewNumbersOfRows) {
  const c10::InferenceMode inference;
  const at::Tensor weight = Reorder(at::randn({8, 16}));
  for (const int64_t rows : {5, 33, 1025}) {
    const at::Tensor residual = at::randn({rows, 8});
    for (const at::Tensor& output :
         {Call(at::randn({rows, 16}), weight, std::nullopt, std::nullopt, "gelu"),
          Call(at::randn({rows, 16}), weight, std::nullopt, residual, "none")}) {
      EXPECT_EQ(output.size(0), rows);
      EXPECT_EQ(output.storage().nbytes(), static_cast<size_t>(KernelRows(rows) * 8) * 4);
    }
  }
}

TEST(LinearRulesTest, WhatLiesBehindTheRowsDoesNotMatter) {
  const c10::InferenceMode inference;
  const at::Tensor weight = Reorder(at::randn({8, 16}));
  // 33 rows with room for 48, for 40, and for none more.
  for (const int64_t room : {15, 7, 0}) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const at::Tensor input = at::full({33 + room, 16}, nan).narrow(0, 0, 33);
    const at::Tensor residual = at::full({33 + room, 8}, nan).narrow(0, 0, 33);
    input.copy_(at::randn({33, 16}));
    residual.copy_(at::randn({33, 8}));
    const at::Tensor alone = Call(input.clone(), weight, std::nullopt, residual.clone(), "none");
    const at::Tensor output = Call(input, weight, std::nullopt, residual, "none");
    EXPECT_TRUE(output.equal(alone)) << room;
    EXPECT_FALSE(output.isnan().any().item<bool>()) << room;
  }
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
