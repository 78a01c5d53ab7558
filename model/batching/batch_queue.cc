#include "model/batching/batch_queue.h"

#include <algorithm>
#include <utility>

#include "model/errors.h"

namespace radio {
namespace {

// How far the policy looks: more than a full batch and what it may pass over, so that a decision
// costs the same however long the queue is.
size_t WindowOf(const BatchLimits& limits) {
  const size_t factor = limits.mixed_sizes ? 1 : 8;
  return factor * (static_cast<size_t>(limits.max_images) + limits.max_passed_over);
}

}  // namespace

BatchQueue::BatchQueue(BatchLimits limits, const Clock* clock) : limits_(limits), clock_(clock) {}

absl::Status BatchQueue::Submit(std::unique_ptr<Task>& task) {
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kServerDraining, "the server is shutting down");
    task->enqueued = clock_->Now();
    tasks_.push_back(std::move(task));
  }
  changed_.Signal();
  return absl::OkStatus();
}

Batch BatchQueue::NextBatch() {
  MutexLock lock(&mutex_);
  while (tasks_.empty() && !closed_) changed_.Wait(&mutex_);
  return TakeBatch();
}

Batch BatchQueue::TakeBatch() {
  const absl::Time now = clock_->Now();
  const size_t window = std::min(tasks_.size(), WindowOf(limits_));
  std::vector<QueuedItem> items(window);
  for (size_t i = 0; i < window; ++i) {
    const Task::Work& work = tasks_[i]->work();
    items[i] = {work.image.size, work.cost, work.deadline, work.cancel->cancelled()};
  }
  const BatchDecision decision = DecideBatch(limits_, items, now);

  Batch batch;
  const auto take = [&](const std::vector<size_t>& indices,
                        std::vector<std::unique_ptr<Task>>* to) {
    for (const size_t i : indices) {
      tasks_[i]->queue_time = now - tasks_[i]->enqueued;
      to->push_back(std::move(tasks_[i]));
    }
  };
  take(decision.run, &batch.run);
  take(decision.drop, &batch.dropped);
  const auto end = tasks_.begin() + window;
  tasks_.erase(std::remove(tasks_.begin(), end, nullptr), end);
  return batch;
}

void BatchQueue::Close() {
  {
    MutexLock lock(&mutex_);
    closed_ = true;
  }
  changed_.SignalAll();
}

size_t BatchQueue::depth() const {
  MutexLock lock(&mutex_);
  return tasks_.size();
}

absl::Duration BatchQueue::oldest_age() const {
  MutexLock lock(&mutex_);
  return tasks_.empty() ? absl::ZeroDuration() : clock_->Now() - tasks_.front()->enqueued;
}

}  // namespace radio
