// How large a batch has to be for the device to work at its full rate.
#ifndef RADIO_MODEL_BATCHING_BUDGET_PROBE_H_
#define RADIO_MODEL_BATCHING_BUDGET_PROBE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "model/base/clock.h"
#include "model/batching/cost_model.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"

namespace radio {

// One size of batch and how long it took.
struct BudgetSample {
  double cost = 0;
  absl::Duration duration;
};

struct BudgetProbeOptions {
  // Never less: what several requests of the preferred size need to share a batch.
  int min_images = 8;
  // No larger batch is tried.
  double max_cost = 131072;
  // A batch that takes longer makes others wait too long for theirs.
  absl::Duration max_batch_time = absl::Milliseconds(500);
  // For the whole measurement. A batch that is expected to exceed it is not begun.
  absl::Duration time_limit = absl::Seconds(3);
  // A batch reaches the full rate when it is so close to the best.
  double tolerance = 0.03;
};

// The least cost whose rate is within the tolerance of the best, among those that took no longer
// than a batch may, and not less than `min_cost`. Without samples: `min_cost`. Pure.
double ChooseBudget(absl::Span<const BudgetSample> samples, double min_cost,
                    const BudgetProbeOptions& options);

struct MeasuredBudget {
  double max_cost = 0;
  std::vector<BudgetSample> samples;
};

// Runs batches of 1, 2, 4, ... images of the preferred size, each twice, of which the second
// counts, until the limits. Out of memory ends it like a limit; another failure is passed on.
// Blocks.
absl::StatusOr<MeasuredBudget> MeasureBudget(Engine* engine, const ModelSpec& spec,
                                             const Clock& clock, const BudgetProbeOptions& options);

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BUDGET_PROBE_H_
