// A fixed number of threads that run closures in the order of their arrival.
#ifndef RADIO_MODEL_BASE_THREAD_POOL_H_
#define RADIO_MODEL_BASE_THREAD_POOL_H_

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "model/base/mutex.h"

namespace radio {

// Thread-safe. The queue is not bounded: whoever schedules holds an admission permit, and those
// are.
class ThreadPool {
 public:
  // `name` (at most 15 characters) is what `top -H` shows. `threads` >= 1.
  ThreadPool(const std::string& name, int threads);
  // Runs what was scheduled, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Never blocks. `work` runs exactly once, on one of the pool's threads.
  void Schedule(absl::AnyInvocable<void()> work);

  int threads() const { return static_cast<int>(threads_.size()); }
  // Closures that wait; a snapshot.
  size_t queue_depth() const;

 private:
  void Run();

  mutable Mutex mutex_;
  CondVar work_available_;
  std::deque<absl::AnyInvocable<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BASE_THREAD_POOL_H_
