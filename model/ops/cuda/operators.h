// Operators on CUDA that are more than a launch; register.cc puts them into the dispatcher.
// Argument rules are those of model/ops/operators.h.
#ifndef RADIO_MODEL_OPS_CUDA_OPERATORS_H_
#define RADIO_MODEL_OPS_CUDA_OPERATORS_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>

namespace radio::ops::cuda {

at::Tensor Linear(const at::Tensor& input, const at::Tensor& weight,
                  const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& residual,
                  std::string_view activation);

at::Tensor GatherOutputs(at::TensorList sources, at::IntArrayRef plan, int64_t bytes);

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_OPERATORS_H_
