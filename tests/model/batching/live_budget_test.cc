#include "model/batching/live_budget.h"

#include <gmock/gmock.h>

namespace radio {
namespace {

TEST(LiveBudgetTest, IsWhatIsConfiguredUntilMemoryRunsOut) {
  LiveBudget budget(1000);
  for (int i = 0; i < 100; ++i) budget.Success();
  EXPECT_EQ(budget.current(), 1000);
}

TEST(LiveBudgetTest, HalvesWhatDidNotFit) {
  LiveBudget budget(1000);
  budget.OutOfMemory(1000);
  EXPECT_EQ(budget.current(), 500);
  budget.OutOfMemory(500);
  EXPECT_EQ(budget.current(), 250);
  budget.OutOfMemory(5000);
  EXPECT_EQ(budget.current(), 250) << "a single image of 5000 says nothing about 250";
}

TEST(LiveBudgetTest, RecoversStepByStepToWhatIsConfigured) {
  LiveBudget budget(1000);
  budget.OutOfMemory(1000);
  for (int i = 0; i < 7; ++i) budget.Success();
  EXPECT_EQ(budget.current(), 500);
  budget.Success();
  EXPECT_EQ(budget.current(), 625);
  for (int i = 0; i < 32; ++i) budget.Success();
  EXPECT_EQ(budget.current(), 1000);
}

}  // namespace
}  // namespace radio
