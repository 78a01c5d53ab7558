// Images that wait for one model's worker.
#ifndef RADIO_MODEL_BATCHING_BATCH_QUEUE_H_
#define RADIO_MODEL_BATCHING_BATCH_QUEUE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/batching/batch_policy.h"
#include "model/batching/task.h"

namespace radio {

struct Batch {
  // To be computed together, in order of arrival.
  std::vector<std::unique_ptr<Task>> run;
  // Not worth a computation: cancelled or expired. To be completed by whoever took the batch.
  std::vector<std::unique_ptr<Task>> dropped;
};

// Thread-safe. Its size is bounded by admission, not here: every task in it holds an admission
// permit.
class BatchQueue {
 public:
  // `clock` must outlive the queue.
  BatchQueue(BatchLimits limits, const Clock* clock);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // Takes the task if and only if it returns OK. SERVER_DRAINING after Close. Never blocks.
  absl::Status Submit(std::unique_ptr<Task>& task);

  // The next batch by the policy; blocks while nothing waits. A batch without any task means closed
  // and empty: the worker's sign to end.
  Batch NextBatch();

  // Nothing more comes in; what waits is still handed out.
  void Close();

  const BatchLimits& limits() const { return limits_; }
  size_t depth() const;
  // How long the oldest image has been waiting; zero when none is.
  absl::Duration oldest_age() const;

 private:
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BatchLimits limits_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::unique_ptr<Task>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_QUEUE_H_
