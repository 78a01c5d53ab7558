// CUDA as something a running process may turn out to have.
#ifndef RADIO_MODEL_ENGINE_TORCH_CUDA_SUPPORT_H_
#define RADIO_MODEL_ENGINE_TORCH_CUDA_SUPPORT_H_

#include <string>

#include "absl/status/statusor.h"

namespace radio {

// Loads libtorch_cuda.so and the CUDA kernels of model/ops, unless done before, and looks for
// `device` ("cuda:N"). Returns its name, e.g. "NVIDIA H100". FAILED_PRECONDITION when a library or
// the device is missing, INVALID_ARGUMENT when `device` is no such name. Call it before anything
// else asks LibTorch about CUDA: it remembers the first answer. Thread-safe.
absl::StatusOr<std::string> LoadCuda(const std::string& device);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_CUDA_SUPPORT_H_
