// Weights of `radio::linear` in the layout that oneDNN multiplies fastest.
#ifndef RADIO_MODEL_ENGINE_TORCH_PREPACK_H_
#define RADIO_MODEL_ENGINE_TORCH_PREPACK_H_

#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

namespace radio {

// Replaces every parameter of `module` (on the CPU) of type `dtype` that its `methods` use as the
// weight of radio::linear, and for nothing else but its dtype, by a tensor in oneDNN's own layout;
// the plain copy is freed. radio::linear then fuses activation and residual. Returns how many were
// replaced. Methods that the module lacks are skipped. The module can neither be moved nor saved
// afterwards.
int PackLinearWeights(torch::jit::Module* module, const std::vector<std::string>& methods,
                      at::ScalarType dtype);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_PREPACK_H_
