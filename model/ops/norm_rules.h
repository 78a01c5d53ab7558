// The argument rules of radio::add_layer_norm_, the same on every device.
#ifndef RADIO_MODEL_OPS_NORM_RULES_H_
#define RADIO_MODEL_OPS_NORM_RULES_H_

#include <ATen/core/Tensor.h>

#include <optional>

namespace radio::ops {

// Throws c10::Error where arguments break the rules of AddLayerNorm in operators.h.
inline void CheckAddLayerNorm(const at::Tensor& residual, const std::optional<at::Tensor>& addend,
                              const at::Tensor& weight, const at::Tensor& bias,
                              at::ScalarType dtype) {
  const auto served = [](at::ScalarType type) {
    return type == at::kFloat || type == at::kBFloat16;
  };
  TORCH_CHECK(residual.dim() == 2 && residual.scalar_type() == at::kFloat &&
                  residual.is_contiguous() && residual.size(1) > 0,
              "add_layer_norm_: residual must be contiguous float32 [N, C], got ",
              residual.scalar_type(), " ", residual.sizes());
  for (const at::Tensor& values : {weight, bias}) {
    TORCH_CHECK(values.scalar_type() == at::kFloat && values.is_contiguous() &&
                    values.sizes() == residual.sizes().slice(1),
                "add_layer_norm_: weight and bias must be float32 [", residual.size(1), "], got ",
                values.scalar_type(), " ", values.sizes());
  }
  TORCH_CHECK(served(dtype), "add_layer_norm_: dtype must be float32 or bfloat16, got ", dtype);
  if (!addend.has_value()) return;
  TORCH_CHECK(served(addend->scalar_type()) && addend->sizes() == residual.sizes(),
              "add_layer_norm_: addend must be float32 or bfloat16 ", residual.sizes(), ", got ",
              addend->scalar_type(), " ", addend->sizes());
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_NORM_RULES_H_
