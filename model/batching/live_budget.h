// What a batch may cost now.
#ifndef RADIO_MODEL_BATCHING_LIVE_BUDGET_H_
#define RADIO_MODEL_BATCHING_LIVE_BUDGET_H_

#include <algorithm>
#include <atomic>

#include "model/base/mutex.h"

namespace radio {

// The configured cost, or less after the device ran out of memory: then half of what did not fit,
// and a quarter more after each eight batches that went well. Thread-safe; reading never blocks.
class LiveBudget {
 public:
  explicit LiveBudget(double configured) : configured_(configured), current_(configured) {}

  double configured() const { return configured_; }
  double current() const { return current_.load(std::memory_order_relaxed); }

  // What cost `cost` did not fit into memory.
  void OutOfMemory(double cost) {
    MutexLock lock(&mutex_);
    successes_ = 0;
    current_.store(std::min(current(), cost / 2), std::memory_order_relaxed);
  }

  // A batch was computed.
  void Success() {
    MutexLock lock(&mutex_);
    if (++successes_ % kSuccessesPerStep != 0) return;
    current_.store(std::min(configured_, current() * kStep), std::memory_order_relaxed);
  }

 private:
  static constexpr int kSuccessesPerStep = 8;
  static constexpr double kStep = 1.25;

  const double configured_;
  // Of those that report.
  Mutex mutex_;
  std::atomic<double> current_;
  int successes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_LIVE_BUDGET_H_
