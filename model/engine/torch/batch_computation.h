// One forward pass: which parts of the model a batch needs, and their results in host memory.
#ifndef RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
#define RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/output_writer.h"
#include "model/engine/torch/torch_model.h"
#include "model/model_spec.h"

namespace radio {

struct BatchResult {
  // One per output of the spec; what nobody asked for is empty.
  std::vector<ComputedOutput> outputs;
  // The memory that `outputs` points into.
  std::vector<at::Tensor> tensors;
};

// Runs the backbone once, and each adaptor's heads for the images that ask for them. Throws as
// TorchModel does, also when a module's result has not the shape that the spec says.
BatchResult ComputeBatch(TorchModel* model, const ModelSpec& spec, c10::Device device,
                         absl::Span<const BatchItem> batch);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
