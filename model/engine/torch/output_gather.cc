#include "model/engine/torch/output_gather.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>

#include <memory>
#include <utility>

#include "model/engine/torch/scalar_type.h"
#include "model/ops/output_segments.h"

namespace radio {
namespace {

using Gather = at::Tensor(at::TensorList sources, at::IntArrayRef plan, int64_t bytes);

// The slab of the plan's blocks, followed by a flag for each.
at::Tensor RunGather(const OutputPlan& plan, const BatchResult& result) {
  static const auto gather =
      c10::Dispatcher::singleton().findSchemaOrThrow("radio::gather_outputs", "").typed<Gather>();
  std::vector<at::Tensor> sources;
  std::vector<int64_t> segments;
  for (const OutputBlock& block : plan.blocks()) {
    const BatchResult::Matrices& matrices = result.tensors[block.output];
    const at::Tensor& matrix = block.features ? matrices.features : matrices.summary;
    size_t source = 0;
    while (source < sources.size() && !sources[source].is_same(matrix)) ++source;
    if (source == sources.size()) sources.push_back(matrix);
    ops::AppendSegment({static_cast<int64_t>(source), block.first_row, block.rows,
                        static_cast<int64_t>(block.offset), ScalarTypeOf(block.data_type),
                        block.channels_first, block.l2_normalize},
                       &segments);
  }
  return gather.call(sources, segments, static_cast<int64_t>(plan.bytes()));
}

}  // namespace

GatheredOutputs::GatheredOutputs(const ModelSpec& spec, absl::Span<const BatchItem> batch,
                                 const BatchResult& result)
    : plan_(spec, batch, result.outputs) {
  if (!plan_.blocks().empty()) host_ = slab_ = RunGather(plan_, result);
}

void GatheredOutputs::BeginCopy(const DeviceStreams& streams) {
  if (!slab_.defined()) return;
  host_ = at::empty(slab_.sizes(), slab_.options().device(c10::kCPU).pinned_memory(true));
  c10::Event computed(streams.device().type());
  computed.record(streams.compute);
  computed.block(streams.download);
  slab_.record_stream(streams.download);
  const c10::StreamGuard guard(streams.download);
  host_.copy_(slab_, /*non_blocking=*/true);
  copied_.emplace(streams.device().type());
  copied_->record(streams.download);
}

std::vector<absl::StatusOr<ItemOutputs>> GatheredOutputs::Answers() const {
  if (!host_.defined()) return plan_.Answers(nullptr, nullptr, [](size_t) { return false; });
  if (copied_.has_value()) copied_->synchronize();
  const auto* memory = host_.const_data_ptr<uint8_t>();
  return plan_.Answers(std::make_shared<const at::Tensor>(host_), memory,
                       [&](size_t block) { return memory[plan_.bytes() + block] != 0; });
}

}  // namespace radio
