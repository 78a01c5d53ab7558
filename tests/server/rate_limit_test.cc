#include "server/rate_limit.h"

#include <gtest/gtest.h>

namespace radio::server {
namespace {

TEST(RateLimitTest, WhatIsTooManyIsRefusedAndCountedUntilTheNextSecond) {
  RateLimit limit(2);
  absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(limit.Take(now), 0);
  EXPECT_EQ(limit.Take(now), 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Take(now + absl::Milliseconds(999)), std::nullopt);
  now += absl::Seconds(1);
  EXPECT_EQ(limit.Take(now), 5);
  EXPECT_EQ(limit.Take(now), 0);
  EXPECT_EQ(limit.Take(now), std::nullopt);
}

}  // namespace
}  // namespace radio::server
