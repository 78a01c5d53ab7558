// Decides whether a failed attempt is repeated, and when.
#ifndef RADIO_CLIENT_RETRY_H_
#define RADIO_CLIENT_RETRY_H_

#include <optional>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/options.h"
#include "model/base/mutex.h"

namespace radio::client {

// Whether a repeated attempt may succeed: UNAVAILABLE, or RESOURCE_EXHAUSTED with a pushback that
// allows it.
bool IsRetryable(const absl::Status& status);

// One per client: its calls share the budget. Thread-safe, never blocks.
class RetryPolicy {
 public:
  explicit RetryPolicy(const RetryOptions& options);

  // Delay before attempt number `attempts` + 1 after `attempts` have been made and the last failed
  // with `status`; takes one retry from the budget. Nothing when the failure is final, be it for
  // want of time.
  std::optional<absl::Duration> NextDelay(const absl::Status& status, int attempts,
                                          absl::Duration time_left = absl::InfiniteDuration());

  // Before the attempt that follows `attempts` failed ones, without a word from the server.
  absl::Duration Backoff(int attempts);

  // An attempt succeeded: refills the budget.
  void OnSuccess();

  const RetryOptions& options() const { return options_; }

 private:
  const RetryOptions options_;
  Mutex mutex_;
  double budget_ ABSL_GUARDED_BY(mutex_);
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_RETRY_H_
