#include "model/base/thread_pool.h"

#include <pthread.h>

#include <utility>

namespace radio {

ThreadPool::ThreadPool(const std::string& name, int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  work_available_.SignalAll();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Schedule(absl::AnyInvocable<void()> work) {
  {
    MutexLock lock(&mutex_);
    queue_.push_back(std::move(work));
  }
  work_available_.Signal();
}

size_t ThreadPool::queue_depth() const {
  MutexLock lock(&mutex_);
  return queue_.size();
}

void ThreadPool::Run() {
  while (true) {
    absl::AnyInvocable<void()> work;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) work_available_.Wait(&mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace radio
