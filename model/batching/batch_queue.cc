#include "model/batching/batch_queue.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "model/errors.h"

namespace radio {

BatchQueue::BatchQueue(Options options, const Clock* clock, const ModelLoad* load)
    : options_(options),
      clock_(clock),
      load_(load),
      budget_(options.limits.max_cost),
      line_(options.ageing, options.limits.mixed_sizes) {}

absl::Status BatchQueue::Submit(std::unique_ptr<Task>& task) {
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kServerDraining, "the server is shutting down");
    const absl::Time now = clock_->Now();
    task->enqueued = now;
    line_.Add(std::move(task), now);
    wake = OneIsToWake();
  }
  if (wake) changed_.Signal();
  return absl::OkStatus();
}

Batch BatchQueue::NextBatch() {
  MutexLock lock(&mutex_);
  ++waiting_;
  while (!Ready()) changed_.Wait(&mutex_);
  --waiting_;
  Batch batch = TakeBatch();
  // One signal may have stood for several batches.
  if (OneIsToWake()) changed_.Signal();
  return batch;
}

void BatchQueue::Done() {
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    taken_.erase(taken_.begin());
    began_ = clock_->Now();
    wake = OneIsToWake();
  }
  if (wake) changed_.Signal();
}

bool BatchQueue::ready() const {
  MutexLock lock(&mutex_);
  return Ready();
}

bool BatchQueue::Ready() const {
  if (line_.empty()) return closed_;
  if (taken_.empty()) return true;
  const BatchLimits limits = LimitsNow();
  const auto fills = [&](const auto& entry) {
    const FairLine::Part& part = entry.second;
    return FillsBatch(limits, part.images(), part.cost, part.bytes);
  };
  return std::any_of(line_.parts().begin(), line_.parts().end(), fills);
}

bool BatchQueue::OneIsToWake() const { return waiting_ > 0 && Ready(); }

BatchLimits BatchQueue::LimitsNow() const {
  BatchLimits limits = options_.limits;
  limits.max_cost = budget_.current();
  return limits;
}

// Until the engine will begin with a batch that is taken now.
absl::Duration BatchQueue::ExpectedWait(absl::Time now, double seconds_per_cost) const {
  if (taken_.empty()) return absl::ZeroDuration();
  const double cost = std::accumulate(taken_.begin(), taken_.end(), 0.0);
  const absl::Time start = began_ + absl::Seconds(cost * seconds_per_cost);
  return std::max(start - now, absl::ZeroDuration());
}

// The part of the line whose images run next, and which place is the first of all.
const FairLine::Parts::value_type& BatchQueue::ChoosePart(const BatchLimits& limits) {
  const FairLine::Parts& parts = line_.parts();
  sizes_.clear();
  for (const auto& [key, part] : parts) {
    sizes_.push_back({part.cost, part.place(), part.first().skips});
  }
  const SizeChoice choice = ChooseSize(limits, sizes_);
  first_place_ = sizes_[choice.first].place;
  if (choice.run != choice.first) ++std::next(parts.begin(), choice.first)->second.first().skips;
  return *std::next(parts.begin(), choice.run);
}

// More than a full batch and what it may pass over, so that a decision costs the same however long
// the line is.
void BatchQueue::Look(const FairLine::Line& line, const BatchLimits& limits, absl::Time now) {
  const size_t beyond = static_cast<size_t>(limits.max_passed_over) + 1;
  size_t end = static_cast<size_t>(limits.max_images) + beyond;
  window_.clear();
  double cost = 0;
  for (auto it = line.begin(); it != line.end() && window_.size() < end; ++it) {
    const Task::Work& work = it->second.task->work();
    QueuedItem& item = window_.emplace_back();
    item.cost = work.cost;
    item.bytes = work.bytes;
    item.deadline = work.deadline;
    item.cancelled = work.cancel->cancelled();
    const bool alive = !item.cancelled && item.deadline > now;
    const bool full = cost >= limits.max_cost;
    if (alive) cost += work.cost;
    if (!full && cost >= limits.max_cost) end = std::min(end, window_.size() + beyond);
  }
}

Batch BatchQueue::TakeBatch() {
  if (line_.empty()) return {};
  const absl::Time now = clock_->Now();
  line_.Age(now);
  const BatchLimits limits = LimitsNow();
  const double seconds_per_cost = load_ == nullptr ? 0 : load_->seconds_per_cost();
  const auto& [key, part] = ChoosePart(limits);
  const bool others_wait = line_.parts().size() > 1;
  Look(part.line, limits, now);
  BatchDecision decision =
      options_.policy(limits, window_, now, seconds_per_cost, others_wait && !idle_,
                      ExpectedWait(now, seconds_per_cost));
  if (others_wait && decision.cut == BatchCut::kQueueEmpty) decision.cut = BatchCut::kSize;
  idle_ = decision.run.empty();

  std::vector<FairLine::Turn> turns(window_.size(), FairLine::Turn::kWait);
  double cost = 0;
  for (const size_t i : decision.run) {
    turns[i] = FairLine::Turn::kServe;
    cost += window_[i].cost;
  }
  for (const size_t i : decision.drop) turns[i] = FairLine::Turn::kDrop;
  line_.AdvanceBy(cost, first_place_);
  FairLine::Taken taken = line_.Take(key, turns);
  if (taken_.empty()) began_ = now;
  taken_.push_back(cost);
  for (auto* tasks : {&taken.served, &taken.dropped}) {
    for (const std::unique_ptr<Task>& task : *tasks) task->queue_time = now - task->enqueued;
  }
  return {std::move(taken.served), std::move(taken.dropped), decision.cut, limits.max_cost};
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
  size_t depth = 0;
  for (const auto& [key, part] : line_.parts()) depth += part.line.size();
  return depth;
}

absl::Duration BatchQueue::oldest_age() const {
  MutexLock lock(&mutex_);
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [key, part] : line_.parts()) {
    for (const auto& [place, waiting] : part.line) {
      oldest = std::min(oldest, waiting.task->enqueued);
    }
  }
  return line_.empty() ? absl::ZeroDuration() : clock_->Now() - oldest;
}

}  // namespace radio
