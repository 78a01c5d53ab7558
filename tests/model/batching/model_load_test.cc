#include "model/batching/model_load.h"

#include <gmock/gmock.h>

namespace radio {
namespace {

TEST(ModelLoadTest, EstimatesNothingBeforeTheFirstBatch) {
  ModelLoad load;
  load.AddPending(0, 100);
  EXPECT_EQ(load.DelayWith(50), absl::ZeroDuration());
}

TEST(ModelLoadTest, DelayIsPendingWorkOverTheMeasuredRate) {
  ModelLoad load;
  load.RecordBatch(100, absl::Seconds(1));
  load.AddPending(0, 150);
  EXPECT_EQ(load.DelayWith(50), absl::Seconds(2));
}

TEST(ModelLoadTest, RateFollowsAChangeWithinAFewDozenBatches) {
  ModelLoad load;
  for (int i = 0; i < 100; ++i) load.RecordBatch(100, absl::Seconds(1));
  for (int i = 0; i < 64; ++i) load.RecordBatch(100, absl::Seconds(2));
  EXPECT_NEAR(absl::ToDoubleSeconds(load.DelayWith(100)), 2.0, 0.05);
}

TEST(ModelLoadTest, PendingCostIsGivenBackOnDestruction) {
  ModelLoad load;
  {
    PendingCost a(&load, 1, 10);
    PendingCost b(&load, 2, 5);
    EXPECT_EQ(load.pending(), 15);
    EXPECT_EQ(load.Look(1).pending_of_client, 10);
    EXPECT_EQ(load.Look(3).pending_of_client, 0);
  }
  EXPECT_EQ(load.Look(1).pending_of_client, 0);
  EXPECT_EQ(load.pending(), 0);
}

}  // namespace
}  // namespace radio
