#include "model/batching/batch_queue.h"

#include <algorithm>
#include <utility>

#include "model/errors.h"

namespace radio {
namespace {

// Where sizes do not mix, the policy looks so many times further, to find enough of one size.
constexpr size_t kSameSizeReach = 8;

}  // namespace

BatchQueue::BatchQueue(Options options, const Clock* clock, const ModelLoad* load)
    : options_(options),
      clock_(clock),
      load_(load),
      budget_(options.limits.max_cost),
      line_(options.ageing) {}

absl::Status BatchQueue::Submit(std::unique_ptr<Task>& task) {
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kServerDraining, "the server is shutting down");
    const absl::Time now = clock_->Now();
    task->enqueued = now;
    line_.Add(std::move(task), now);
  }
  changed_.Signal();
  return absl::OkStatus();
}

Batch BatchQueue::NextBatch() {
  MutexLock lock(&mutex_);
  while (line_.line().empty() && !closed_) changed_.Wait(&mutex_);
  return TakeBatch();
}

// More than a full batch and what it may pass over, so that a decision costs the same however long
// the line is.
BatchQueue::Window BatchQueue::Look(const BatchLimits& limits, absl::Time now) const {
  const size_t beyond = static_cast<size_t>(limits.max_passed_over) + 1;
  const size_t batch = static_cast<size_t>(limits.max_images) + beyond;
  size_t end = limits.mixed_sizes ? batch : kSameSizeReach * batch;
  Window window;
  window.items.reserve(std::min(end, line_.line().size()));
  window.places.reserve(window.items.capacity());
  double cost = 0;
  const FairLine::Line& line = line_.line();
  for (auto it = line.begin(); it != line.end() && window.items.size() < end; ++it) {
    const Task& task = *it->second;
    const Task::Work& work = task.work();
    QueuedItem& item = window.items.emplace_back();
    item.size = work.image.size;
    item.cost = work.cost;
    item.bytes = work.bytes;
    item.deadline = work.deadline;
    item.cancelled = work.cancel->cancelled();
    item.skips = task.skips;
    window.places.push_back(it);
    const bool alive = !item.cancelled && item.deadline > now;
    const bool full = cost >= limits.max_cost;
    if (alive) cost += work.cost;
    if (limits.mixed_sizes && !full && cost >= limits.max_cost) {
      end = std::min(end, window.items.size() + beyond);
    }
  }
  return window;
}

Batch BatchQueue::TakeBatch() {
  const absl::Time now = clock_->Now();
  line_.Age(now);
  BatchLimits limits = options_.limits;
  limits.max_cost = budget_.current();
  const Window window = Look(limits, now);
  const BatchDecision decision =
      options_.policy(limits, window.items, now, load_ == nullptr ? 0 : load_->seconds_per_cost());
  if (decision.skipped.has_value()) ++window.places[*decision.skipped]->second->skips;

  double cost = 0;
  for (const size_t i : decision.run) cost += window.items[i].cost;
  line_.AdvanceBy(cost);
  Batch batch;
  batch.cut = decision.cut;
  const auto take = [&](const std::vector<size_t>& indices, bool served,
                        std::vector<std::unique_ptr<Task>>* to) {
    for (const size_t i : indices) {
      to->push_back(line_.Take(window.places[i], served));
      to->back()->queue_time = now - to->back()->enqueued;
    }
  };
  take(decision.run, true, &batch.run);
  take(decision.drop, false, &batch.dropped);
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
  return line_.line().size();
}

absl::Duration BatchQueue::oldest_age() const {
  MutexLock lock(&mutex_);
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [place, task] : line_.line()) oldest = std::min(oldest, task->enqueued);
  return line_.line().empty() ? absl::ZeroDuration() : clock_->Now() - oldest;
}

}  // namespace radio
