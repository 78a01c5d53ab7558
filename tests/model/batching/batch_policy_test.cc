#include "model/batching/batch_policy.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace radio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::UnixEpoch() + absl::Seconds(100);

QueuedItem Item(double cost) {
  QueuedItem item;
  item.cost = cost;
  return item;
}

BatchLimits Limits(double max_cost, int max_images = 8) {
  BatchLimits limits;
  limits.max_cost = max_cost;
  limits.max_images = max_images;
  return limits;
}

TEST(BatchPolicyTest, NothingWaitingGivesNothing) {
  const BatchDecision decision = DecideBatch(Limits(10), {}, kNow);
  EXPECT_THAT(decision.run, IsEmpty());
  EXPECT_THAT(decision.drop, IsEmpty());
}

TEST(BatchPolicyTest, FillsInOrderOfArrivalUpToTheBudget) {
  const BatchDecision decision =
      DecideBatch(Limits(10), {Item(4), Item(4), Item(2), Item(1)}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 1, 2));
}

TEST(BatchPolicyTest, LooksPastAnImageThatDoesNotFit) {
  const BatchDecision decision = DecideBatch(Limits(10), {Item(6), Item(6), Item(4)}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 2));
}

TEST(BatchPolicyTest, LooksPastNoMoreThanTheBound) {
  BatchLimits limits = Limits(10);
  limits.max_passed_over = 1;
  const BatchDecision decision = DecideBatch(limits, {Item(6), Item(6), Item(6), Item(4)}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0));
}

TEST(BatchPolicyTest, OversizeImageRunsAloneAndDoesNotStarve) {
  EXPECT_THAT(DecideBatch(Limits(10), {Item(50), Item(1)}, kNow).run, ElementsAre(0));
  // Behind a small one it waits for one batch, and is the oldest in the next.
  EXPECT_THAT(DecideBatch(Limits(10), {Item(1), Item(50), Item(1)}, kNow).run, ElementsAre(0, 2));
}

TEST(BatchPolicyTest, StopsAtTheImageCap) {
  const BatchDecision decision = DecideBatch(Limits(100, 2), {Item(1), Item(1), Item(1)}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 1));
}

TEST(BatchPolicyTest, DropsCancelledAndExpiredAndRunsTheRest) {
  QueuedItem cancelled = Item(1);
  cancelled.cancelled = true;
  QueuedItem expired = Item(1);
  expired.deadline = kNow;
  QueuedItem alive = Item(1);
  alive.deadline = kNow + absl::Nanoseconds(1);
  const BatchDecision decision = DecideBatch(Limits(10), {cancelled, alive, expired}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(1));
  EXPECT_THAT(decision.drop, ElementsAre(0, 2));
}

TEST(BatchPolicyTest, StopsAtTheByteCap) {
  BatchLimits limits = Limits(100);
  limits.max_bytes = 10;
  std::vector<QueuedItem> items(3, Item(1));
  for (QueuedItem& item : items) item.bytes = 5;
  items[1].bytes = 6;
  const BatchDecision decision = DecideBatch(limits, items, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 2));
  EXPECT_EQ(decision.cut, BatchCut::kBytes);
  items[0].bytes = 50;
  EXPECT_THAT(DecideBatch(limits, items, kNow).run, ElementsAre(0)) << "too large, so alone";
}

TEST(BatchPolicyTest, SaysWhyTheBatchIsNotLarger) {
  EXPECT_EQ(DecideBatch(Limits(10), {Item(4), Item(4)}, kNow).cut, BatchCut::kQueueEmpty);
  EXPECT_EQ(DecideBatch(Limits(10), {Item(4), Item(7)}, kNow).cut, BatchCut::kCost);
  EXPECT_EQ(DecideBatch(Limits(10, 1), {Item(4), Item(4)}, kNow).cut, BatchCut::kImages);
}

QueuedItem Due(double cost, absl::Duration in) {
  QueuedItem item = Item(cost);
  item.deadline = kNow + in;
  return item;
}

// A unit of cost takes a second in what follows.

TEST(BatchPolicyTest, DropsWhatCannotBeComputedInTime) {
  const BatchDecision decision = DecideBatch(
      Limits(10), {Due(4, absl::Seconds(3)), Due(4, absl::Seconds(20)), Item(4)}, kNow, 1);
  EXPECT_THAT(decision.drop, ElementsAre(0));
  EXPECT_THAT(decision.run, ElementsAre(1, 2));
}

TEST(BatchPolicyTest, DropsNothingForLackOfTimeWhenTheEngineWouldIdle) {
  const BatchDecision decision =
      DecideBatch(Limits(10), {Due(4, absl::Seconds(3)), Due(4, absl::Seconds(2))}, kNow, 1);
  EXPECT_THAT(decision.drop, IsEmpty());
  EXPECT_THAT(decision.run, ElementsAre(0, 1)) << "the estimate may be wrong";
}

TEST(BatchPolicyTest, DropsItWhenImagesOfOtherSizesWait) {
  const BatchDecision decision = DecideBatch(Limits(10), {Due(4, absl::Seconds(3))}, kNow, 1, true);
  EXPECT_THAT(decision.drop, ElementsAre(0));
  EXPECT_THAT(decision.run, IsEmpty());
}

TEST(BatchPolicyTest, BatchThatBeginsLaterKeepsDeadlinesByThen) {
  const absl::Duration wait = absl::Seconds(10);
  const std::vector<QueuedItem> items = {Due(4, absl::Seconds(13)), Due(4, absl::Seconds(20)),
                                         Item(4)};
  const BatchDecision decision = DecideBatch(Limits(10), items, kNow, 1, false, wait);
  EXPECT_THAT(decision.drop, ElementsAre(0));
  EXPECT_THAT(decision.run, ElementsAre(1, 2));
}

TEST(BatchPolicyTest, WhatIsOnlyExpectedToExpireBeforeTheBatchBeginsIsLateAndNotDead) {
  const std::vector<QueuedItem> items = {Due(4, absl::Seconds(-1)), Due(4, absl::Seconds(3)),
                                         Due(4, absl::Seconds(2))};
  const BatchDecision decision =
      DecideBatch(Limits(10), items, kNow, 1, false, absl::Seconds(1000));
  EXPECT_THAT(decision.drop, ElementsAre(0));
  EXPECT_THAT(decision.run, ElementsAre(1, 2)) << "the estimate may be wrong";
}

TEST(BatchPolicyTest, ServesFirstWhatTheNextBatchWouldComeTooLateFor) {
  const std::vector<QueuedItem> items = {Item(4), Item(4), Item(2), Due(4, absl::Seconds(11))};
  EXPECT_THAT(DecideBatch(Limits(10), items, kNow).run, ElementsAre(0, 1, 2));
  EXPECT_THAT(DecideBatch(Limits(10), items, kNow, 1).run, ElementsAre(0, 2, 3));
}

TEST(BatchPolicyTest, BatchEndsBeforeTheDeadlinesOfItsImages) {
  const BatchDecision decision =
      DecideBatch(Limits(10), {Due(4, absl::Seconds(5)), Item(4), Item(1)}, kNow, 1);
  EXPECT_THAT(decision.run, ElementsAre(0, 2));
  EXPECT_EQ(decision.cut, BatchCut::kDeadline);
}

// How many images of `cost` and `bytes` it takes to fill a batch.
int ImagesToFill(const BatchLimits& limits, double cost, int64_t bytes) {
  int images = 1;
  while (images < 1000 && !FillsBatch(limits, images, images * cost, images * bytes)) ++images;
  return images;
}

TEST(BatchPolicyTest, BatchIsFullByAnyLimitAndWhereSizesMixWithTwoAverageImagesMore) {
  BatchLimits limits = Limits(10, 16);
  limits.max_bytes = 100;
  EXPECT_EQ(ImagesToFill(limits, 1, 1), 12);
  EXPECT_EQ(ImagesToFill(limits, 0.1, 20), 7);
  EXPECT_EQ(ImagesToFill(limits, 0.1, 1), 16);
  limits.mixed_sizes = false;
  EXPECT_EQ(ImagesToFill(limits, 1, 1), 10);
  EXPECT_EQ(ImagesToFill(limits, 0.1, 20), 5);
  EXPECT_EQ(ImagesToFill(limits, 0.1, 1), 16);
}

TEST(BatchPolicyTest, RandomQueuesNeverBreakTheBudgetNorIdleNorReorderTheOldest) {
  for (int seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> cost(0.5, 12);
    std::vector<QueuedItem> items(random() % 20);
    for (QueuedItem& item : items) {
      item = Item(cost(random));
      item.cancelled = random() % 8 == 0;
    }
    const BatchLimits limits = Limits(10, 4);
    const BatchDecision decision = DecideBatch(limits, items, kNow);
    double total = 0;
    for (const size_t i : decision.run) {
      ASSERT_FALSE(items[i].cancelled) << "seed " << seed;
      total += items[i].cost;
    }
    ASSERT_TRUE(decision.run.size() <= 1 || total <= limits.max_cost) << "seed " << seed;
    ASSERT_LE(decision.run.size(), 4u) << "seed " << seed;
    const auto oldest = std::find_if(items.begin(), items.end(),
                                     [](const QueuedItem& item) { return !item.cancelled; });
    if (oldest != items.end()) {
      ASSERT_FALSE(decision.run.empty()) << "seed " << seed;
      ASSERT_EQ(decision.run[0], static_cast<size_t>(oldest - items.begin())) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace radio
