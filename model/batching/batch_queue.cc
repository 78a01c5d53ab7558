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

// Average images that have to wait beyond a limit of a batch for a batch to be called full: with
// less to choose from, the last of it finds none that fits. Batches taken ahead of time are then
// filled to 0.83 and more of the budget (batch_fill_test), as with two batches waiting.
constexpr double kSpareImages = 2;

}  // namespace

BatchQueue::BatchQueue(Options options, const Clock* clock, const ModelLoad* load)
    : options_(options),
      clock_(clock),
      load_(load),
      budget_(options.limits.max_cost),
      line_(options.ageing) {}

absl::Status BatchQueue::Submit(std::unique_ptr<Task>& task) {
  bool ready = false;
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kServerDraining, "the server is shutting down");
    const absl::Time now = clock_->Now();
    task->enqueued = now;
    waiting_cost_ += task->work().cost;
    waiting_bytes_ += task->work().bytes;
    line_.Add(std::move(task), now);
    ready = Ready();
  }
  if (ready) changed_.Signal();
  return absl::OkStatus();
}

Batch BatchQueue::NextBatch() {
  MutexLock lock(&mutex_);
  while (!Ready()) changed_.Wait(&mutex_);
  Batch batch = TakeBatch();
  // One signal may have stood for several batches.
  if (Ready()) changed_.Signal();
  return batch;
}

void BatchQueue::Done() {
  bool ready = false;
  {
    MutexLock lock(&mutex_);
    taken_.erase(taken_.begin());
    began_ = clock_->Now();
    ready = Ready();
  }
  if (ready) changed_.Signal();
}

bool BatchQueue::ready() const {
  MutexLock lock(&mutex_);
  return Ready();
}

bool BatchQueue::Ready() const {
  if (line_.line().empty()) return closed_;
  return taken_.empty() || FullBatchWaits();
}

bool BatchQueue::FullBatchWaits() const {
  const BatchLimits& limits = options_.limits;
  const double batches = limits.mixed_sizes ? 1 : static_cast<double>(kSameSizeReach);
  const double images = static_cast<double>(line_.line().size());
  const double without_spare = 1 - kSpareImages / images;
  return images >= batches * limits.max_images ||
         waiting_cost_ * without_spare >= batches * budget_.current() ||
         static_cast<double>(waiting_bytes_) * without_spare >=
             batches * static_cast<double>(limits.max_bytes);
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
  BatchLimits limits = options_.limits;
  limits.max_cost = budget_.current();
  const double seconds_per_cost = load_ == nullptr ? 0 : load_->seconds_per_cost();
  const absl::Time start = ExpectedStart(now, seconds_per_cost);
  Look(limits, start);
  const BatchDecision decision = options_.policy(limits, window_, start, seconds_per_cost);
  if (decision.skipped.has_value()) {
    ++std::next(line_.line().begin(), *decision.skipped)->second.task->skips;
  }

  std::vector<FairLine::Turn> turns(window_.size(), FairLine::Turn::kWait);
  double cost = 0;
  int64_t bytes = 0;
  for (const size_t i : decision.run) {
    turns[i] = FairLine::Turn::kServe;
    cost += window_[i].cost;
    bytes += window_[i].bytes;
  }
  waiting_cost_ -= cost;
  for (const size_t i : decision.drop) {
    turns[i] = FairLine::Turn::kDrop;
    waiting_cost_ -= window_[i].cost;
    bytes += window_[i].bytes;
  }
  waiting_bytes_ -= bytes;
  line_.AdvanceBy(cost);
  FairLine::Taken taken = line_.Take(turns);
  // Sums of doubles need not cancel exactly.
  if (line_.line().empty()) waiting_cost_ = 0;
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
