// Answers written by the device that computed them.
#ifndef RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
#define RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/output_plan.h"
#include "model/engine/torch/batch_result.h"
#include "model/engine/torch/device_streams.h"
#include "model/model_spec.h"

namespace radio {

// As WriteOutputs (model/engine/output_writer.h), for tensors on a device: one kernel there
// gathers, casts, normalises and lays out all requested outputs into one slab, and one copy brings
// them into pinned memory of the host, which all results share. Everything throws c10::Error.
class GatheredOutputs {
 public:
  // Runs the kernel on the current stream; does not wait for it, and needs no `result` afterwards.
  // `spec` and `batch` must outlive this.
  GatheredOutputs(const ModelSpec& spec, absl::Span<const BatchItem> batch,
                  const BatchResult& result);

  // Copies them on the download stream, behind what the compute stream has been handed; does not
  // wait. Copies are made in the order of these calls: a batch that calls it before the next is
  // handed in does not wait for that one. Not needed, and not to be called, on a CPU.
  void BeginCopy(const DeviceStreams& streams);

  // The answers, one per image. Blocks until they are there.
  std::vector<absl::StatusOr<ItemOutputs>> Answers() const;

 private:
  const OutputPlan plan_;
  // The plan's blocks, followed by a flag for each; undefined when there are none.
  at::Tensor slab_;
  // The same on the host, once `copied_`.
  at::Tensor host_;
  std::optional<c10::Event> copied_;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_OUTPUT_GATHER_H_
