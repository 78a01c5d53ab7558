#include "model/batching/batch_queue.h"

#include <algorithm>
#include <iterator>
#include <numeric>
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
      line_(options.ageing),
      backlog_(options.limits.mixed_sizes) {}

absl::Status BatchQueue::Submit(std::unique_ptr<Task>& task) {
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kServerDraining, "the server is shutting down");
    const absl::Time now = clock_->Now();
    task->enqueued = now;
    backlog_.Add(task->work().image.size, {1, task->work().cost, task->work().bytes});
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
  if (line_.line().empty()) return closed_;
  return taken_.empty() || backlog_.FillsBatch(LimitsNow());
}

bool BatchQueue::OneIsToWake() const { return waiting_ > 0 && Ready(); }

BatchLimits BatchQueue::LimitsNow() const {
  BatchLimits limits = options_.limits;
  limits.max_cost = budget_.current();
  return limits;
}

// When the engine will begin with a batch that is taken now.
absl::Time BatchQueue::ExpectedStart(absl::Time now, double seconds_per_cost) const {
  if (taken_.empty()) return now;
  const double cost = std::accumulate(taken_.begin(), taken_.end(), 0.0);
  return std::max(now, began_ + absl::Seconds(cost * seconds_per_cost));
}

// More than a full batch and what it may pass over, so that a decision costs the same however long
// the line is.
void BatchQueue::Look(const BatchLimits& limits, absl::Time start) {
  const size_t beyond = static_cast<size_t>(limits.max_passed_over) + 1;
  const size_t batch = static_cast<size_t>(limits.max_images) + beyond;
  size_t end = limits.mixed_sizes ? batch : kSameSizeReach * batch;
  window_.clear();
  double cost = 0;
  const FairLine::Line& line = line_.line();
  for (auto it = line.begin(); it != line.end() && window_.size() < end; ++it) {
    const Task& task = *it->second.task;
    const Task::Work& work = task.work();
    QueuedItem& item = window_.emplace_back();
    item.size = work.image.size;
    item.cost = work.cost;
    item.bytes = work.bytes;
    item.deadline = work.deadline;
    item.cancelled = work.cancel->cancelled();
    item.skips = task.skips;
    const bool alive = !item.cancelled && item.deadline > start;
    const bool full = cost >= limits.max_cost;
    if (alive) cost += work.cost;
    if (limits.mixed_sizes && !full && cost >= limits.max_cost) {
      end = std::min(end, window_.size() + beyond);
    }
  }
}

Batch BatchQueue::TakeBatch() {
  if (line_.line().empty()) return {};
  const absl::Time now = clock_->Now();
  line_.Age(now);
  const BatchLimits limits = LimitsNow();
  const double seconds_per_cost = load_ == nullptr ? 0 : load_->seconds_per_cost();
  const absl::Time start = ExpectedStart(now, seconds_per_cost);
  Look(limits, start);
  const BatchDecision decision = options_.policy(limits, window_, start, seconds_per_cost);
  if (decision.skipped.has_value()) {
    ++std::next(line_.line().begin(), *decision.skipped)->second.task->skips;
  }

  std::vector<FairLine::Turn> turns(window_.size(), FairLine::Turn::kWait);
  Backlog::Sum run;
  for (const size_t i : decision.run) {
    turns[i] = FairLine::Turn::kServe;
    ++run.images;
    run.cost += window_[i].cost;
    run.bytes += window_[i].bytes;
  }
  if (run.images > 0) backlog_.Remove(window_[decision.run[0]].size, run);
  for (const size_t i : decision.drop) {
    turns[i] = FairLine::Turn::kDrop;
    backlog_.Remove(window_[i].size, {1, window_[i].cost, window_[i].bytes});
  }
  line_.AdvanceBy(run.cost);
  FairLine::Taken taken = line_.Take(turns);
  if (taken_.empty()) began_ = now;
  taken_.push_back(run.cost);
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
  return line_.line().size();
}

absl::Duration BatchQueue::oldest_age() const {
  MutexLock lock(&mutex_);
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [place, waiting] : line_.line()) {
    oldest = std::min(oldest, waiting.task->enqueued);
  }
  return line_.line().empty() ? absl::ZeroDuration() : clock_->Now() - oldest;
}

}  // namespace radio
