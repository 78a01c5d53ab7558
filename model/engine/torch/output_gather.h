// Answers written by the device that computed them.
#ifndef RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
#define RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/output_plan.h"
#include "model/engine/torch/batch_result.h"
#include "model/model_spec.h"

namespace radio {

// As WriteOutputs (model/engine/output_writer.h), for tensors on a device: one kernel there
// gathers, casts, normalises and lays out all requested outputs into one slab, and one copy brings
// them into pinned memory of the host, which all results share. On a CPU it gives the answers of
// WriteOutputs more slowly. Everything throws c10::Error.
class GatheredOutputs {
 public:
  // Runs the kernel on the current stream; does not wait for it, and needs no `result` afterwards.
  // `spec` and `batch` must outlive this.
  GatheredOutputs(const ModelSpec& spec, absl::Span<const BatchItem> batch,
                  const BatchResult& result);

  // The answers, one per image. Copies on the current stream, which is in order with the kernel,
  // and blocks until they are there.
  std::vector<absl::StatusOr<ItemOutputs>> ToHost() const;

 private:
  const OutputPlan plan_;
  // The plan's blocks, followed by a flag for each; undefined when there are none.
  at::Tensor slab_;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
