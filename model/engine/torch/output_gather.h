// Answers written by the device that computed them.
#ifndef RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
#define RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/torch/batch_result.h"
#include "model/model_spec.h"

namespace radio {

// As WriteOutputs (model/engine/output_writer.h), for tensors on a device: one kernel there
// gathers, casts, normalises and lays out all requested outputs into one slab, and one copy brings
// them into pinned memory of the host, which all results share. Blocks until it is there. On a CPU
// it gives the answers of WriteOutputs more slowly. Throws c10::Error.
std::vector<absl::StatusOr<ItemOutputs>> GatherOutputs(const ModelSpec& spec,
                                                       absl::Span<const BatchItem> batch,
                                                       const BatchResult& result);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
