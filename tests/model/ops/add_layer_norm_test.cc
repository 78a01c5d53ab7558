#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <limits>
#include <optional>
#include <tuple>

#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// Through the dispatcher, as a module calls it.
at::Tensor Call(const at::Tensor& residual, const std::optional<at::Tensor>& addend,
                const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                at::ScalarType dtype) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("radio::add_layer_norm_", "")
          .typed<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&, const at::Tensor&,
                            const at::Tensor&, double, at::ScalarType)>();
  return op.call(residual, addend, weight, bias, epsilon, dtype);
}

// In double precision.
at::Tensor Expected(const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& bias,
                    double epsilon) {
  const at::Tensor x = sum.to(at::kDouble);
  const at::Tensor centred = x - x.mean(1, /*keepdim=*/true);
  const at::Tensor variance = (centred * centred).mean(1, /*keepdim=*/true);
  return centred / (variance + epsilon).sqrt() * weight + bias;
}

float Largest(const at::Tensor& difference) { return difference.abs().max().item<float>(); }

// Rows; channels, whole vectors or not; type of the addend, none for Undefined; type of the result.
class AddLayerNormTest
    : public testing::TestWithParam<std::tuple<int, int, at::ScalarType, at::ScalarType>> {};

TEST_P(AddLayerNormTest, AddsInPlaceAndNormalises) {
  const auto [rows, channels, addend_type, dtype] = GetParam();
  const c10::InferenceMode inference;
  const at::Tensor residual = at::randn({rows, channels}) * 30 + 100;
  const at::Tensor before = residual.clone();
  const at::Tensor weight = at::randn({channels});
  const at::Tensor bias = at::randn({channels});
  std::optional<at::Tensor> addend;
  if (addend_type != at::ScalarType::Undefined) {
    addend = (at::randn({rows, channels}) * 10).to(addend_type);
  }
  const at::Tensor output = Call(residual, addend, weight, bias, 1e-6, dtype);
  EXPECT_TRUE(residual.equal(addend.has_value() ? before + *addend : before));
  EXPECT_EQ(output.scalar_type(), dtype);
  ASSERT_EQ(output.sizes(), residual.sizes());
  const at::Tensor expected = Expected(residual, weight, bias, 1e-6);
  if (dtype == at::kFloat) {
    EXPECT_LT(Largest(output - expected), 3e-5f);
  } else {
    // Rounded once, from a value as exact as the float32 one.
    EXPECT_LT(Largest((output - expected) / (expected.abs() + 1e-2)), 1.0f / 256);
  }
}

INSTANTIATE_TEST_SUITE_P(All, AddLayerNormTest,
                         testing::Combine(testing::Values(1, 33), testing::Values(5, 40, 768, 1407),
                                          testing::Values(at::ScalarType::Undefined, at::kFloat,
                                                          at::kBFloat16),
                                          testing::Values(at::kFloat, at::kBFloat16)));

TEST(AddLayerNormRulesTest, EpsilonCounts) {
  const c10::InferenceMode inference;
  const at::Tensor residual = at::zeros({1, 16});
  residual[0][0] = 1e-3f;
  const at::Tensor weight = at::zeros({16}) + 1;
  const at::Tensor bias = at::zeros({16});
  for (const double epsilon : {1e-6, 1e-5}) {
    const at::Tensor expected = Expected(residual, weight, bias, epsilon);
    EXPECT_LT(Largest(Call(residual, {}, weight, bias, epsilon, at::kFloat) - expected), 1e-5f);
  }
}

TEST(AddLayerNormRulesTest, RowsAreTheSameBitsInEveryBatch) {
  const c10::InferenceMode inference;
  const at::Tensor residual = at::randn({300, 72});
  const at::Tensor weight = at::randn({72});
  const at::Tensor bias = at::randn({72});
  const at::Tensor all = Call(residual.clone(), {}, weight, bias, 1e-6, at::kFloat);
  for (const int rows : {1, 16, 17, 299}) {
    const at::Tensor some =
        Call(residual.narrow(0, 1, rows).clone(), {}, weight, bias, 1e-6, at::kFloat);
    EXPECT_TRUE(some.equal(all.narrow(0, 1, rows))) << rows << " rows";
  }
}

TEST(AddLayerNormRulesTest, ValuesThatAreNotFiniteStayInTheirRow) {
  const c10::InferenceMode inference;
  const at::Tensor residual = at::randn({3, 40});
  residual[1][7] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor weight = at::randn({40});
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor output = Call(residual, {}, weight, at::zeros({40}), 1e-6, dtype);
    EXPECT_TRUE(output[1].isnan().all().item<bool>());
    EXPECT_TRUE(output[0].isfinite().all().item<bool>());
    EXPECT_TRUE(output[2].isfinite().all().item<bool>());
  }
}

TEST(AddLayerNormRulesTest, RefusesWhatBreaksItsRules) {
  const at::Tensor residual = at::randn({3, 16});
  const at::Tensor weight = at::randn({16});
  const auto call = [&](const at::Tensor& r, const std::optional<at::Tensor>& addend,
                        const at::Tensor& w, at::ScalarType dtype) {
    return [=] { AddLayerNorm(r, addend, w, weight, 1e-6, dtype); };
  };
  const auto message = [](const char* text) { return ThrowsMessage<c10::Error>(HasSubstr(text)); };
  EXPECT_THAT(call(residual.to(at::kBFloat16), {}, weight, at::kFloat),
              message("residual must be contiguous float32 [N, C], got BFloat16 [3, 16]"));
  EXPECT_THAT(call(at::randn({16, 3}).t(), {}, weight, at::kFloat), message("contiguous"));
  EXPECT_THAT(call(residual, at::randn({3, 15}), weight, at::kFloat),
              message("addend must be float32 or bfloat16 [3, 16], got Float [3, 15]"));
  EXPECT_THAT(call(residual, at::randn({3, 16}).to(at::kDouble), weight, at::kFloat),
              message("addend must be"));
  EXPECT_THAT(call(residual, {}, at::randn({15}), at::kFloat), message("must be float32 [16]"));
  EXPECT_THAT(call(residual, {}, weight.to(at::kBFloat16), at::kFloat), message("must be float32"));
  EXPECT_THAT(call(residual, {}, weight, at::kHalf), message("dtype must be float32 or bfloat16"));
}

}  // namespace
}  // namespace radio::ops
