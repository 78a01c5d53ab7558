// How many calls are open.
#ifndef RADIO_SERVER_CALL_TRACKER_H_
#define RADIO_SERVER_CALL_TRACKER_H_

#include "absl/time/time.h"
#include "model/base/mutex.h"

namespace radio::server {

// Thread-safe.
class CallTracker {
 public:
  void Begin() {
    MutexLock lock(&mutex_);
    ++open_;
  }
  void End() {
    MutexLock lock(&mutex_);
    if (--open_ == 0) idle_.SignalAll();
  }
  // Blocks until no call is open; false when `timeout` passed first.
  bool WaitIdle(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    while (open_ > 0) {
      if (!idle_.WaitFor(&mutex_, timeout)) return open_ == 0;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar idle_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_CALL_TRACKER_H_
