// One forward pass: which parts of the model a batch needs, and their results.
#ifndef RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
#define RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_

#include <c10/core/Device.h>

#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/torch/batch_result.h"
#include "model/engine/torch/torch_model.h"
#include "model/model_spec.h"

namespace radio {

// Runs the backbone once, and each adaptor's heads for the images that ask for them. Throws as
// TorchModel does, also when a module's result has not the shape that the spec says.
BatchResult ComputeBatch(TorchModel* model, const ModelSpec& spec, c10::Device device,
                         absl::Span<const BatchItem> batch);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
