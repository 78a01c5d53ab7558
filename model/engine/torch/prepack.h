// Weights of `radio::linear` in the order in which the processor's matrix units read them.
#ifndef RADIO_MODEL_ENGINE_TORCH_PREPACK_H_
#define RADIO_MODEL_ENGINE_TORCH_PREPACK_H_

#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

namespace radio {

// Replaces every bfloat16 parameter of `module` (on the CPU) that its `methods` use as the weight
// of radio::linear, and for nothing else but its dtype, by ops::PackWeight of it; the plain copy is
// freed. Returns how many were replaced. Methods that the module lacks are skipped, and so are
// weights that ops::IsPackable does not take; float32 stays plain. The module can neither be moved
// nor saved afterwards.
int PackLinearWeights(torch::jit::Module* module, const std::vector<std::string>& methods);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_PREPACK_H_
