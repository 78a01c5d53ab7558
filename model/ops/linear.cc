#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "model/ops/bfloat16_linear.h"
#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

// Below this many rows MKL's sgemm adds in another order (measured up to 11 with one and two
// threads); from there on a row's result is the same bits whatever the other rows are, but for two
// threads of a Xeon with AMX: there long rows (K >= 1280) of up to 600 are split among threads.
constexpr int64_t kLeastStableRows = 16;

// at::linear whose float32 rows on the CPU do not depend on how many others there are: the few rows
// of a summary head would otherwise differ in their last bits with the batch.
at::Tensor PlainLinear(const at::Tensor& input, const at::Tensor& weight,
                       const OptionalTensor& bias) {
  const int64_t rows = input.dim() == 2 ? input.size(0) : kLeastStableRows;
  if (rows >= kLeastStableRows || !input.is_cpu() || input.scalar_type() != at::kFloat) {
    return at::linear(input, weight, bias);
  }
  const at::Tensor padded = at::constant_pad_nd(input, {0, 0, 0, kLeastStableRows - rows});
  return at::linear(padded, weight, bias).narrow(0, 0, rows);
}

at::Tensor PackedLinear(const at::Tensor& input, const at::Tensor& weight,
                        const OptionalTensor& bias, const OptionalTensor& residual, bool gelu) {
  TORCH_CHECK(input.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kBFloat16 &&
                  (!residual.has_value() || residual->scalar_type() == at::kBFloat16),
              "linear: a packed weight takes bfloat16 only");
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() = OutputsOf(weight);
  TORCH_CHECK(!bias.has_value() || bias->numel() == sizes.back(), "linear: bias of ",
              bias.has_value() ? bias->numel() : 0, " values for ", sizes.back(), " outputs");
  TORCH_CHECK(!residual.has_value() || residual->sizes() == at::IntArrayRef(sizes),
              "linear: residual must be ", at::IntArrayRef(sizes));
  OptionalTensor added;
  if (residual.has_value()) added = residual->reshape({-1, sizes.back()});
  return Bfloat16Linear(input.reshape({-1, input.size(-1)}), weight, bias, added, gelu,
                        BestBlockUnit())
      .view(sizes);
}

}  // namespace

at::Tensor Linear(const at::Tensor& input, const at::Tensor& weight, const OptionalTensor& bias,
                  const OptionalTensor& residual, std::string_view activation) {
  TORCH_CHECK(activation == "none" || activation == "gelu",
              "linear: activation must be \"none\" or \"gelu\", got \"", activation, "\"");
  const bool packed = IsPacked(weight);
  TORCH_CHECK(input.dim() >= 1 && (packed ? InputsFit(weight, input.size(-1))
                                          : weight.dim() == 2 && input.size(-1) == weight.size(1)),
              "linear: input ", input.sizes(), " does not fit weight ", weight.sizes());
  const bool gelu = activation == "gelu";
  const bool add = residual.has_value() && residual->defined();
  if (packed) return PackedLinear(input, weight, bias, add ? residual : std::nullopt, gelu);
  at::Tensor output = PlainLinear(input, weight, bias);
  if (gelu) at::gelu_(output, "none");
  return add ? output.add_(*residual) : output;
}

}  // namespace radio::ops
