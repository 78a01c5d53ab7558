// From what a model computed for a whole batch to the tensors that each image's caller asked for.
#ifndef RADIO_MODEL_ENGINE_OUTPUT_WRITER_H_
#define RADIO_MODEL_ENGINE_OUTPUT_WRITER_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/engine/output_plan.h"
#include "model/model_spec.h"

namespace radio {

// Calls body(begin, end) for ranges that cover [0, count) once, maybe on several threads; returns
// when all are done.
using ParallelFor =
    absl::FunctionRef<void(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body)>;

// Gathers, casts, normalises and lays out the requested outputs. computed[i] belongs to
// spec.outputs[i] and is in the host's memory. All results of a call share one block of memory,
// released with its last view. An image with an infinite or NaN value among its results has
// NON_FINITE_OUTPUT instead; a zero vector stays zero under l2_normalize. Thread-safe.
std::vector<absl::StatusOr<ItemOutputs>> WriteOutputs(const ModelSpec& spec,
                                                      absl::Span<const BatchItem> batch,
                                                      absl::Span<const ComputedOutput> computed,
                                                      ParallelFor parallel_for);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_OUTPUT_WRITER_H_
