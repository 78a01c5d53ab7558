// A door that a test closes in front of threads and opens when it likes.
#ifndef RADIO_TESTS_TESTING_GATE_H_
#define RADIO_TESTS_TESTING_GATE_H_

#include "model/base/mutex.h"

namespace radio {

// Thread-safe. Open at first.
class Gate {
 public:
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
  }
  void Open() {
    MutexLock lock(&mutex_);
    closed_ = false;
    changed_.SignalAll();
  }
  // Blocks while the gate is closed.
  void Pass() {
    MutexLock lock(&mutex_);
    ++waiting_;
    changed_.SignalAll();
    while (closed_) changed_.Wait(&mutex_);
    --waiting_;
  }
  // Blocks until `n` threads stand at the gate.
  void AwaitWaiting(int n) {
    MutexLock lock(&mutex_);
    while (waiting_ < n) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_GATE_H_
