#include "client/retry.h"

#include <algorithm>

#include "client/errors.h"

namespace radio::client {
bool IsRetryable(const absl::Status& status) {
  const std::optional<absl::Duration> pushback = PushbackOf(status);
  if (pushback == absl::InfiniteDuration()) return false;
  return absl::IsUnavailable(status) || (absl::IsResourceExhausted(status) && pushback.has_value());
}

RetryPolicy::RetryPolicy(const RetryOptions& options)
    : options_(options), budget_(options.budget), random_(std::random_device()()) {}

std::optional<absl::Duration> RetryPolicy::NextDelay(const absl::Status& status, int attempts,
                                                     absl::Duration time_left) {
  if (!IsRetryable(status) || attempts >= options_.max_attempts) return std::nullopt;
  const std::optional<absl::Duration> pushback = PushbackOf(status);
  const absl::Duration delay = pushback.has_value() ? *pushback : Backoff(attempts);
  if (delay >= time_left) return std::nullopt;
  MutexLock lock(&mutex_);
  if (budget_ < 1) return std::nullopt;
  budget_ -= 1;
  return delay;
}

absl::Duration RetryPolicy::Backoff(int attempts) {
  absl::Duration delay = options_.initial_backoff;
  for (int i = 1; i < attempts && delay < options_.max_backoff; ++i) delay *= 2;
  MutexLock lock(&mutex_);
  const double random = std::uniform_real_distribution<double>()(random_);
  return std::min(delay, options_.max_backoff) * (1 - options_.jitter * random);
}

void RetryPolicy::OnSuccess() {
  MutexLock lock(&mutex_);
  budget_ = std::min(options_.budget, budget_ + options_.budget_per_success);
}

}  // namespace radio::client
