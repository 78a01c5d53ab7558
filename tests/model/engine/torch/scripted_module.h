// TorchScript modules written in a test.
#ifndef RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_MODULE_H_
#define RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_MODULE_H_

#include <torch/csrc/jit/api/module.h>

#include <string>

namespace radio {

// A module with the methods of `source` (TorchScript; `radio.patchify` and the like call our
// operators) and the float32 parameters mean [3], std [3] and weight [4, 768].
torch::jit::Module ScriptedModule(const std::string& source);

// A backbone of patch 16, two prefix tokens and 4 channels: every token is a linear map of its
// patch; an image's prefix is the mean of its tokens and its first token.
extern const char kScriptedBackbone[];

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_MODULE_H_
