// Which waiting images form the next batch: a pure function of what waits and of the time.
#ifndef RADIO_MODEL_BATCHING_BATCH_POLICY_H_
#define RADIO_MODEL_BATCHING_BATCH_POLICY_H_

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "model/types.h"

namespace radio {

struct BatchLimits {
  // Token equivalents of a batch. An image that alone costs more runs alone.
  double max_cost = 4096;
  int max_images = 64;
  // Images of different sizes may share a batch; otherwise a batch has the size of its oldest
  // image.
  bool mixed_sizes = true;
  // How many images that do not fit may be passed over in search of ones that do. None is passed
  // over twice in a row: it is the oldest then, and the oldest is always taken.
  int max_passed_over = 16;
};

// A waiting image as the policy sees it.
struct QueuedItem {
  Size size;
  double cost = 0;
  absl::Time deadline = absl::InfiniteFuture();
  bool cancelled = false;
};

// Indices into the snapshot, ascending. What is in neither list keeps waiting.
struct BatchDecision {
  std::vector<size_t> run;
  // Cancelled or past their deadline: never worth a computation.
  std::vector<size_t> drop;
};

// `items` in order of arrival. Work-conserving: `run` is empty only when nothing alive waits.
BatchDecision DecideBatch(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now);

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_POLICY_H_
