#include "client/retry.h"

#include <gtest/gtest.h>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "client/errors.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

absl::Status WithPushback(absl::Status status, absl::string_view milliseconds) {
  status.SetPayload("grpc-retry-pushback-ms", absl::Cord(milliseconds));
  return status;
}

RetryOptions ExactOptions() {
  RetryOptions options;
  options.initial_backoff = absl::Milliseconds(100);
  options.max_backoff = absl::Milliseconds(350);
  options.jitter = 0;
  options.max_attempts = 10;
  return options;
}

TEST(RetryTest, OnlyUnavailableAndPushedBackExhaustionAreRetryable) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "");
    EXPECT_EQ(IsRetryable(status), code == 14) << status;
    EXPECT_EQ(IsRetryable(WithPushback(status, "5")), code == 14 || code == 8) << status;
  }
  EXPECT_FALSE(IsRetryable(absl::OkStatus()));
}

TEST(RetryTest, NegativeOrUnreadablePushbackForbidsTheRetry) {
  EXPECT_FALSE(IsRetryable(WithPushback(absl::UnavailableError(""), "-1")));
  EXPECT_FALSE(IsRetryable(WithPushback(absl::ResourceExhaustedError(""), "soon")));
}

TEST(RetryTest, BackoffDoublesUpToItsLimit) {
  RetryPolicy policy(ExactOptions());
  const absl::Status down = absl::UnavailableError("");
  EXPECT_EQ(policy.NextDelay(down, 1), absl::Milliseconds(100));
  EXPECT_EQ(policy.NextDelay(down, 2), absl::Milliseconds(200));
  EXPECT_EQ(policy.NextDelay(down, 3), absl::Milliseconds(350));
  EXPECT_EQ(policy.NextDelay(down, 9), absl::Milliseconds(350));
}

TEST(RetryTest, JitterOnlyShortensTheBackoff) {
  RetryOptions options = ExactOptions();
  options.jitter = 0.5;
  options.budget = 1000;
  RetryPolicy policy(options);
  for (int i = 0; i < 200; ++i) {
    const auto delay = policy.NextDelay(absl::UnavailableError(""), 1);
    ASSERT_TRUE(delay.has_value());
    EXPECT_GE(*delay, absl::Milliseconds(50));
    EXPECT_LE(*delay, absl::Milliseconds(100));
  }
}

TEST(RetryTest, PushbackReplacesTheBackoff) {
  RetryPolicy policy(ExactOptions());
  EXPECT_EQ(policy.NextDelay(WithPushback(absl::ResourceExhaustedError(""), "7"), 3),
            absl::Milliseconds(7));
}

TEST(RetryTest, RetryInfoOfAnImageCountsAsPushback) {
  RetryPolicy policy(ExactOptions());
  const absl::Status status = ToStatus(FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(30)));
  EXPECT_EQ(policy.NextDelay(status, 1), absl::Milliseconds(30));
}

TEST(RetryTest, ANegativeRetryInfoMeansAtOnce) {
  const absl::Status status = ToStatus(FakeError(8, "QUEUE_FULL", "full", -absl::Milliseconds(3)));
  EXPECT_EQ(PushbackOf(status), absl::ZeroDuration());
}

TEST(RetryTest, ARetryThatWouldComeTooLateIsNotTakenFromTheBudget) {
  RetryOptions options = ExactOptions();
  options.budget = 1;
  RetryPolicy policy(options);
  const absl::Status full = WithPushback(absl::ResourceExhaustedError(""), "5000");
  EXPECT_FALSE(policy.NextDelay(full, 1, absl::Seconds(5)).has_value());
  EXPECT_FALSE(
      policy.NextDelay(absl::UnavailableError(""), 1, absl::Milliseconds(100)).has_value());
  EXPECT_EQ(policy.NextDelay(full, 1, absl::Seconds(6)), absl::Seconds(5));
  EXPECT_FALSE(policy.NextDelay(full, 1, absl::Seconds(6)).has_value()) << "the budget is spent";
}

TEST(RetryTest, AttemptsAreLimited) {
  RetryOptions options = ExactOptions();
  options.max_attempts = 3;
  RetryPolicy policy(options);
  EXPECT_TRUE(policy.NextDelay(absl::UnavailableError(""), 2).has_value());
  EXPECT_FALSE(policy.NextDelay(absl::UnavailableError(""), 3).has_value());
}

TEST(RetryTest, BudgetIsSharedAndRefilledBySuccesses) {
  RetryOptions options = ExactOptions();
  options.budget = 2;
  options.budget_per_success = 0.5;
  RetryPolicy policy(options);
  const absl::Status down = absl::UnavailableError("");
  EXPECT_TRUE(policy.NextDelay(down, 1).has_value());
  EXPECT_TRUE(policy.NextDelay(down, 1).has_value());
  EXPECT_FALSE(policy.NextDelay(down, 1).has_value());
  policy.OnSuccess();
  EXPECT_FALSE(policy.NextDelay(down, 1).has_value());
  policy.OnSuccess();
  EXPECT_TRUE(policy.NextDelay(down, 1).has_value());
  for (int i = 0; i < 100; ++i) policy.OnSuccess();
  EXPECT_TRUE(policy.NextDelay(down, 1).has_value());
  EXPECT_TRUE(policy.NextDelay(down, 1).has_value());
  EXPECT_FALSE(policy.NextDelay(down, 1).has_value()) << "the budget must not grow past its size";
}

}  // namespace
}  // namespace radio::client
