#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "model/ops/kernel_rows.h"
#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using OptionalTensor = std::optional<at::Tensor>;
using Unary = at::Tensor(const at::Tensor&, const at::Tensor&, const OptionalTensor&,
                         std::string_view, c10::List<std::optional<at::Scalar>>,
                         std::optional<std::string_view>);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                          const OptionalTensor&, std::string_view);

// LibTorch exports no C++ declaration of these two; the dispatcher knows them by name.
at::Tensor FusedActivation(const at::Tensor& input, const at::Tensor& weight,
                           const OptionalTensor& bias, std::string_view activation) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                             .typed<Unary>();
  return op.call(input, weight, bias, activation, c10::List<std::optional<at::Scalar>>(), "none");
}

at::Tensor FusedResidual(const at::Tensor& input, const at::Tensor& weight,
                         const OptionalTensor& bias, const at::Tensor& residual) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "binary")
                             .typed<Binary>();
  return op.call(input, residual, weight, bias, "add");
}

// With a weight that oneDNN has reordered.
at::Tensor FusedLinear(const at::Tensor& input, const at::Tensor& weight,
                       const OptionalTensor& bias, const OptionalTensor& residual,
                       std::string_view activation) {
  const at::Tensor output =
      residual.has_value()
          ? FusedResidual(WithKernelRows(input), weight, bias, WithKernelRows(*residual))
          : FusedActivation(WithKernelRows(input), weight, bias, activation);
  return output.narrow(0, 0, input.size(0));
}

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

}  // namespace

at::Tensor Linear(const at::Tensor& input, const at::Tensor& weight, const OptionalTensor& bias,
                  const OptionalTensor& residual, std::string_view activation) {
  TORCH_CHECK(activation == "none" || activation == "gelu",
              "linear: activation must be \"none\" or \"gelu\", got \"", activation, "\"");
  TORCH_CHECK(weight.dim() == 2 && input.dim() >= 1 && input.size(-1) == weight.size(1),
              "linear: input ", input.sizes(), " does not fit weight ", weight.sizes());
  const bool gelu = activation == "gelu";
  const bool add = residual.has_value() && residual->defined();
  if (weight.is_mkldnn()) {
    const bool fuse = add && !gelu;
    at::Tensor output =
        FusedLinear(input, weight, bias, fuse ? residual : std::nullopt, activation);
    return add && !fuse ? output.add_(*residual) : output;
  }
  at::Tensor output = PlainLinear(input, weight, bias);
  if (gelu) at::gelu_(output, "none");
  return add ? output.add_(*residual) : output;
}

}  // namespace radio::ops
