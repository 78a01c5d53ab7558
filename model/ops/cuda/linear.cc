#include <ATen/ops/linear.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "model/ops/cuda/element_of.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/operators.h"

namespace radio::ops::cuda {
namespace {

// What is added to `output`, as the kernel reads it; undefined where there is nothing.
at::Tensor Addend(const std::optional<at::Tensor>& tensor, const at::Tensor& output,
                  at::IntArrayRef sizes, const char* name) {
  if (!tensor.has_value() || !tensor->defined()) return {};
  TORCH_CHECK(tensor->sizes() == sizes && tensor->device() == output.device(), "linear: ", name,
              " must be ", sizes, " on ", output.device(), ", got ", tensor->sizes(), " on ",
              tensor->device());
  return tensor->to(output.scalar_type()).contiguous();
}

const void* DataOf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr() : nullptr;
}

}  // namespace

// A bias alone goes into the product, which adds it for nothing. GELU or a residual takes one pass
// over the result, and bias, GELU and residual are all done in that one: cuBLASLt's fused GELU is
// the tanh approximation, not what the models were trained with.
at::Tensor Linear(const at::Tensor& input, const at::Tensor& weight,
                  const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& residual,
                  std::string_view activation) {
  TORCH_CHECK(activation == "none" || activation == "gelu",
              "linear: activation must be \"none\" or \"gelu\", got \"", activation, "\"");
  const bool gelu = activation == "gelu";
  if (!gelu && !(residual.has_value() && residual->defined())) {
    return at::linear(input, weight, bias);
  }
  const c10::cuda::CUDAGuard guard(input.device());
  at::Tensor output = at::linear(input, weight).contiguous();
  const at::Tensor row = Addend(bias, output, weight.sizes().slice(0, 1), "bias");
  const at::Tensor rows = Addend(residual, output, output.sizes(), "residual");
  C10_CUDA_CHECK(
      LaunchLinearEpilogue({output.mutable_data_ptr(), DataOf(row), DataOf(rows),
                            ElementOf(output.scalar_type()), output.numel(), output.size(-1), gelu},
                           c10::cuda::getCurrentCUDAStream()));
  return output;
}

}  // namespace radio::ops::cuda
