// What a forward pass left on its device.
#ifndef RADIO_MODEL_ENGINE_TORCH_BATCH_RESULT_H_
#define RADIO_MODEL_ENGINE_TORCH_BATCH_RESULT_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/engine/output_plan.h"

namespace radio {

struct BatchResult {
  // Contiguous [rows, channels] of a float type that answers may have, on the model's device;
  // undefined where nobody asked.
  struct Matrices {
    at::Tensor summary;
    at::Tensor features;
  };

  // One per output of the spec; what nobody asked for is empty.
  std::vector<ComputedOutput> outputs;
  // The same, as the tensors that hold it.
  std::vector<Matrices> tensors;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_BATCH_RESULT_H_
