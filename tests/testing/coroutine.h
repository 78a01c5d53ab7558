// A function that stops in the middle and is resumed by whoever called it.
#ifndef RADIO_TESTS_TESTING_COROUTINE_H_
#define RADIO_TESTS_TESTING_COROUTINE_H_

#include <functional>
#include <thread>
#include <utility>

#include "model/base/mutex.h"

namespace radio {

// The body has a thread of its own, but runs only while its owner waits in Resume: what happens is
// as certain as on one thread, and neither needs locks for what both touch.
class Coroutine {
 public:
  // The body begins at the first Resume.
  explicit Coroutine(std::function<void()> body)
      : thread_([this, body = std::move(body)] {
          Await(true);
          body();
          HandOver(false);
        }) {}
  // The body must have returned.
  ~Coroutine() { thread_.join(); }
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

  // Runs the body until it yields or returns. Called by the owner.
  void Resume() {
    HandOver(true);
    Await(false);
  }
  // Called by the body: returns when it is resumed.
  void Yield() {
    HandOver(false);
    Await(true);
  }

 private:
  void HandOver(bool to_body) {
    {
      MutexLock lock(&mutex_);
      bodys_turn_ = to_body;
    }
    changed_.Signal();
  }
  void Await(bool bodys_turn) {
    MutexLock lock(&mutex_);
    while (bodys_turn_ != bodys_turn) changed_.Wait(&mutex_);
  }

  Mutex mutex_;
  CondVar changed_;
  bool bodys_turn_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: it uses the others.
  std::thread thread_;
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_COROUTINE_H_
