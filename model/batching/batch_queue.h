// Images that wait for one model's engine.
#ifndef RADIO_MODEL_BATCHING_BATCH_QUEUE_H_
#define RADIO_MODEL_BATCHING_BATCH_QUEUE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/batching/batch_policy.h"
#include "model/batching/fair_line.h"
#include "model/batching/live_budget.h"
#include "model/batching/model_load.h"
#include "model/batching/size_choice.h"
#include "model/batching/task.h"

namespace radio {

struct Batch {
  // To be computed together.
  std::vector<std::unique_ptr<Task>> run;
  // Not worth a computation: see BatchDecision. To be completed by whoever took the batch.
  std::vector<std::unique_ptr<Task>> dropped;
  BatchCut cut = BatchCut::kQueueEmpty;
  // The budget that it was cut by.
  double max_cost = 0;
};

// Thread-safe. Its size is bounded by admission, not here: every task in it holds an admission
// permit. Images are served in the order of a FairLine, as far as they fit together.
class BatchQueue {
 public:
  // DecideBatch, or what a test puts in its place.
  using Policy = BatchDecision (*)(const BatchLimits&, absl::Span<const QueuedItem>, absl::Time,
                                   double, bool, absl::Duration);
  struct Options {
    BatchLimits limits;
    // An image that has waited so long counts as one step more urgent.
    absl::Duration ageing = absl::Seconds(1);
    Policy policy = DecideBatch;
  };

  // `clock` and `load`, which knows how fast the model is, must outlive the queue. Without `load`
  // nothing is known.
  BatchQueue(Options options, const Clock* clock, const ModelLoad* load = nullptr);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // Takes the task if and only if it returns OK. SERVER_DRAINING after Close. Never blocks.
  absl::Status Submit(std::unique_ptr<Task>& task);

  // The next batch by the policy. Blocks while nothing waits. While a batch that was taken before
  // is not done, blocks until a full one waits (Backlog): what is staged ahead of its time is as
  // full as if it had been chosen later. A batch without any task means closed and empty: the
  // worker's sign to end.
  //
  // A batch taken ahead is chosen for the time at which the engine is expected to begin with it.
  // What is cancelled or expires before that, and after it was taken, is computed all the same: no
  // more than a batch of each worker but one.
  Batch NextBatch();

  // The engine has finished one of the batches that were taken. To be called once for each that had
  // a task, after which the next may be chosen. Never blocks.
  void Done();

  // Whether NextBatch would return at once.
  bool ready() const;

  // Nothing more comes in; what waits is still handed out.
  void Close();

  const BatchLimits& limits() const { return options_.limits; }
  // Batches cost no more than this at the moment. Whoever runs them reports to it.
  LiveBudget& budget() { return budget_; }
  const LiveBudget& budget() const { return budget_; }
  size_t depth() const;
  // How long the oldest image has been waiting; zero when none is.
  absl::Duration oldest_age() const;

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OneIsToWake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  BatchLimits LimitsNow() const;
  absl::Duration ExpectedWait(absl::Time now, double seconds_per_cost) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const FairLine::Parts::value_type& ChoosePart(const BatchLimits& limits)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Look(const FairLine::Line& line, const BatchLimits& limits, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock* const clock_;
  const ModelLoad* const load_;
  LiveBudget budget_;

  mutable Mutex mutex_;
  CondVar changed_;
  FairLine line_ ABSL_GUARDED_BY(mutex_);
  // Of the batch that is being chosen: the sizes that wait, the place that is first in line, and
  // the first images of the size that runs, as far as it may need them.
  std::vector<WaitingSize> sizes_ ABSL_GUARDED_BY(mutex_);
  FairLine::Place first_place_ ABSL_GUARDED_BY(mutex_);
  std::vector<QueuedItem> window_ ABSL_GUARDED_BY(mutex_);
  // The last batch had nothing to run. The next drops no more images for lack of time: only what
  // runs can correct the estimate of that.
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;
  // Costs of the batches that are taken and not done, the oldest first: the order in which the
  // engine is expected to finish them.
  std::vector<double> taken_ ABSL_GUARDED_BY(mutex_);
  // When the engine began with the oldest.
  absl::Time began_ ABSL_GUARDED_BY(mutex_);
  // Threads in NextBatch.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_QUEUE_H_
