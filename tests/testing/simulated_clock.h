// Time that moves only when a test says so.
#ifndef RADIO_TESTS_TESTING_SIMULATED_CLOCK_H_
#define RADIO_TESTS_TESTING_SIMULATED_CLOCK_H_

#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"

namespace radio {

// Thread-safe.
class SimulatedClock : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration duration) {
    MutexLock lock(&mutex_);
    now_ += duration;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_SIMULATED_CLOCK_H_
