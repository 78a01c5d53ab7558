#include "model/preprocess/cpu_budget.h"

#include <gtest/gtest.h>

#include <limits>

namespace radio {
namespace {

constexpr int64_t kMuchWork = 1 << 20;

TEST(CpuBudgetTest, ItIsExceededOnceTheThreadHasWorkedForLonger) {
  CpuBudget budget(absl::Milliseconds(1));
  while (!budget.Exceeded(kMuchWork)) {
  }
  EXPECT_TRUE(budget.Exceeded(kMuchWork));
}

TEST(CpuBudgetTest, TheClockIsReadOnceInAWhile) {
  CpuBudget budget(absl::Nanoseconds(-1));
  int questions = 1;
  while (!budget.Exceeded(1024)) ++questions;
  EXPECT_EQ(questions, 64);
}

TEST(CpuBudgetTest, ALongLimitIsNotExceeded) {
  CpuBudget hour(absl::Hours(1));
  CpuBudget none(absl::InfiniteDuration());
  EXPECT_FALSE(hour.Exceeded(std::numeric_limits<int64_t>::max() / 2));
  EXPECT_FALSE(none.Exceeded(std::numeric_limits<int64_t>::max() / 2));
}

}  // namespace
}  // namespace radio
