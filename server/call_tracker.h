// Which calls are open.
#ifndef RADIO_SERVER_CALL_TRACKER_H_
#define RADIO_SERVER_CALL_TRACKER_H_

#include <array>
#include <functional>

#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"

namespace radio::server {

// Counts the calls that began before the server started to drain apart from later ones, which are
// refused and need not be waited for. Thread-safe.
class CallTracker {
 public:
  // What to give to End.
  enum Period { kServing, kDraining };

  Period Begin() {
    MutexLock lock(&mutex_);
    ++open_[period_];
    return period_;
  }
  void End(Period period) {
    MutexLock lock(&mutex_);
    if (--open_[period] == 0) idle_.SignalAll();
  }

  // Calls that begin after it count as late. First calls `refuse_work`, from which on the server
  // takes none of them: no call is both taken and not waited for.
  void BeginDrain(const std::function<void()>& refuse_work) {
    refuse_work();
    MutexLock lock(&mutex_);
    period_ = kDraining;
  }
  // Blocks until all calls from before BeginDrain have ended; false when `timeout` passed first,
  // however many late ones end meanwhile.
  bool WaitDrained(absl::Duration timeout) {
    const absl::Time end = Clock::Real()->Now() + timeout;
    MutexLock lock(&mutex_);
    while (open_[kServing] > 0) {
      const absl::Duration left = end - Clock::Real()->Now();
      if (left <= absl::ZeroDuration()) return false;
      idle_.WaitFor(&mutex_, left);
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar idle_;
  Period period_ ABSL_GUARDED_BY(mutex_) = kServing;
  std::array<int, 2> open_ ABSL_GUARDED_BY(mutex_) = {0, 0};
};

}  // namespace radio::server

#endif  // RADIO_SERVER_CALL_TRACKER_H_
