// Which waiting images form the next batch: pure functions of what waits and of the time.
#ifndef RADIO_MODEL_BATCHING_BATCH_POLICY_H_
#define RADIO_MODEL_BATCHING_BATCH_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace radio {

struct BatchLimits {
  // Token equivalents of a batch. An image that alone costs more runs alone.
  double max_cost = 4096;
  int max_images = 64;
  // Bytes of a batch's pixels and answers. An image that alone has more runs alone.
  int64_t max_bytes = int64_t{1} << 30;
  // Images of different sizes may share a batch; otherwise all of a batch have one size: ChooseSize
  // says which, the policy which images of it.
  bool mixed_sizes = true;
  // How many images that do not fit may be passed over in search of ones that do. None is passed
  // over once it is first in line: that one is always taken.
  int max_passed_over = 16;
  // Where sizes do not mix, the size with most waiting work runs, for fuller batches; but no more
  // than so many batches pass over the image that is first in line. So an image of a rare size that
  // has images of n sizes before it, of each no more than a batch, waits for at most
  // (n + 1) (max_size_skips + 1) batches.
  int max_size_skips = 2;
};

// A waiting image as the policy sees it.
struct QueuedItem {
  double cost = 0;
  int64_t bytes = 0;
  absl::Time deadline = absl::InfiniteFuture();
  bool cancelled = false;
};

// Why a batch holds no more images than it does.
enum class BatchCut { kQueueEmpty, kCost, kImages, kBytes, kSize, kDeadline };

// Indices into the snapshot, ascending. What is in neither list keeps waiting.
struct BatchDecision {
  std::vector<size_t> run;
  // Cancelled, past their deadline, or sure to be before they are computed.
  std::vector<size_t> drop;
  BatchCut cut = BatchCut::kQueueEmpty;
};

// `items`, which may share a batch, in the order in which they are to be served. Work-conserving:
// `run` is empty only when none of them is alive.
//
// With `seconds_per_cost` (0: not known) the policy looks at deadlines. An image that could not be
// computed in time even alone, in a batch that begins after `starts_in`, is dropped, unless nothing
// else waits, here or (`others_wait`) in other sizes: the estimate may be wrong, and only a batch
// can correct it. An image that the next batch would come too late for joins this one before the
// others. No image joins a batch that would then end after the deadline of one in it.
BatchDecision DecideBatch(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now, double seconds_per_cost = 0, bool others_wait = false,
                          absl::Duration starts_in = absl::ZeroDuration());

// Whether a batch of so much would be full: of all that waits and may share one. Where sizes mix
// that takes a little more than a limit's worth, see the source.
bool FillsBatch(const BatchLimits& limits, int images, double cost, int64_t bytes);

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_POLICY_H_
