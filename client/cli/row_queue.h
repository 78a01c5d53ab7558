// Puts rows that are finished in any order back into their own.
#ifndef RADIO_CLIENT_CLI_ROW_QUEUE_H_
#define RADIO_CLIENT_CLI_ROW_QUEUE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "model/base/mutex.h"

namespace radio::client {

// Thread-safe, with one thread that takes.
template <typename Row>
class RowQueue {
 public:
  // Rows are numbered from `first` to `end` - 1; at most `window` of them are on their way.
  RowQueue(int64_t first, int64_t end, int64_t window) : next_(first), end_(end), window_(window) {}

  // Blocks until row `index` is within the window. False: stopped.
  bool WaitForRoom(int64_t index) {
    MutexLock lock(&mutex_);
    while (!stopped_ && index >= next_ + window_) changed_.Wait(&mutex_);
    return !stopped_;
  }

  // Each index once.
  void Put(int64_t index, Row row) {
    MutexLock lock(&mutex_);
    rows_.emplace(index, std::move(row));
    changed_.SignalAll();
  }

  // Blocks until the next row is there. Nothing after the last row, or when stopped.
  std::optional<Row> Take() {
    MutexLock lock(&mutex_);
    while (!stopped_ && next_ < end_ && rows_.count(next_) == 0) changed_.Wait(&mutex_);
    if (stopped_ || next_ == end_) return std::nullopt;
    auto node = rows_.extract(next_++);
    changed_.SignalAll();
    return std::move(node.mapped());
  }

  bool stopped() {
    MutexLock lock(&mutex_);
    return stopped_;
  }

  // Wakes everybody; rows still there are dropped.
  void Stop() {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int64_t next_ ABSL_GUARDED_BY(mutex_);
  const int64_t end_;
  const int64_t window_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Row> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_ROW_QUEUE_H_
