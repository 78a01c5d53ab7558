// At most so many of something in a second.
#ifndef RADIO_SERVER_RATE_LIMIT_H_
#define RADIO_SERVER_RATE_LIMIT_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "model/base/mutex.h"

namespace radio::server {

// Thread-safe.
class RateLimit {
 public:
  explicit RateLimit(int per_second) : per_second_(per_second) {}

  // Nothing when it is one too many; otherwise how many were too many since the last that was not.
  std::optional<int64_t> Take(absl::Time now) {
    MutexLock lock(&mutex_);
    if (now - window_ >= absl::Seconds(1)) {
      window_ = now;
      taken_ = 0;
    }
    if (taken_ >= per_second_) {
      ++refused_;
      return std::nullopt;
    }
    ++taken_;
    const int64_t refused = refused_;
    refused_ = 0;
    return refused;
  }

 private:
  const int per_second_;
  Mutex mutex_;
  absl::Time window_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_RATE_LIMIT_H_
