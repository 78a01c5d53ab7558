// Who has the last word on whether the server is ready.
#ifndef RADIO_SERVER_READINESS_H_
#define RADIO_SERVER_READINESS_H_

#include <functional>

#include "model/base/mutex.h"

namespace radio::server {

// A server becomes ready while it loads, and stops being so when it drains or when a device fails,
// on other threads and perhaps meanwhile. Once it has stopped, nothing says again that it is ready.
// Thread-safe.
class Readiness {
 public:
  // Calls `say` unless Stop has been called. Under a lock: `say` must not block.
  void Say(const std::function<void()>& say) {
    MutexLock lock(&mutex_);
    if (!stopped_) say();
  }
  // For good: calls `say_not` once, after whatever Say calls. False when it was called before.
  bool Stop(const std::function<void()>& say_not) {
    MutexLock lock(&mutex_);
    if (stopped_) return false;
    stopped_ = true;
    say_not();
    return true;
  }

 private:
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_READINESS_H_
