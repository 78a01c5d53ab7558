// One forward pass: which parts of the model a batch needs, and their results.
#ifndef RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
#define RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/torch/batch_result.h"
#include "model/engine/torch/torch_model.h"
#include "model/model_spec.h"

namespace radio {

// Runs the backbone once, and each adaptor's heads for the images that ask for them. `images` are
// those of the batch, on the model's device (image_staging.h), where the results may still be on
// their way when it returns: what follows them there has to be on the same stream. Throws as
// TorchModel does, also when a module's result has not the shape that the spec says.
BatchResult ComputeBatch(TorchModel* model, const ModelSpec& spec,
                         absl::Span<const BatchItem> batch, const std::vector<at::Tensor>& images);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_BATCH_COMPUTATION_H_
