#include "server/call_tracker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace radio::server {
namespace {

TEST(CallTrackerTest, WithoutCallsNothingIsWaitedFor) {
  CallTracker calls;
  calls.BeginDrain([] {});
  EXPECT_TRUE(calls.WaitDrained(absl::ZeroDuration()));
}

TEST(CallTrackerTest, AnOpenCallIsWaitedForUntilTheTimeIsUp) {
  CallTracker calls;
  const CallTracker::Period period = calls.Begin();
  calls.BeginDrain([] {});
  EXPECT_FALSE(calls.WaitDrained(absl::Milliseconds(1)));
  calls.End(period);
  EXPECT_TRUE(calls.WaitDrained(absl::ZeroDuration()));
}

TEST(CallTrackerTest, LateCallsAreNotWaitedFor) {
  CallTracker calls;
  calls.BeginDrain([] {});
  calls.Begin();
  EXPECT_TRUE(calls.WaitDrained(absl::ZeroDuration()));
}

TEST(CallTrackerTest, ACallThatBeginsWhileTheServerStillTakesItIsWaitedFor) {
  CallTracker calls;
  CallTracker::Period period = CallTracker::kDraining;
  calls.BeginDrain([&] { period = calls.Begin(); });
  EXPECT_FALSE(calls.WaitDrained(absl::Milliseconds(1)));
  calls.End(period);
  EXPECT_TRUE(calls.WaitDrained(absl::ZeroDuration()));
}

TEST(CallTrackerTest, LateCallsThatEndDoNotProlongTheWait) {
  CallTracker calls;
  calls.Begin();
  calls.BeginDrain([] {});
  std::atomic<bool> over = false;
  std::thread late([&] {
    while (!over) calls.End(calls.Begin());
  });
  EXPECT_FALSE(calls.WaitDrained(absl::Milliseconds(50)));
  over = true;
  late.join();
}

TEST(CallTrackerTest, TheLastEndWakesTheWaiter) {
  CallTracker calls;
  const CallTracker::Period first = calls.Begin();
  const CallTracker::Period second = calls.Begin();
  calls.BeginDrain([] {});
  std::thread ender([&] {
    calls.End(first);
    calls.End(second);
  });
  EXPECT_TRUE(calls.WaitDrained(absl::Minutes(1)));
  ender.join();
}

}  // namespace
}  // namespace radio::server
