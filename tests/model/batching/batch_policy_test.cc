#include "model/batching/batch_policy.h"

#include <gmock/gmock.h>

#include <random>

namespace radio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::UnixEpoch() + absl::Seconds(100);

QueuedItem Item(double cost, Size size = {32, 32}) {
  QueuedItem item;
  item.size = size;
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

TEST(BatchPolicyTest, SameShapeModelTakesTheOldestShapeOnly) {
  BatchLimits limits = Limits(10);
  limits.mixed_sizes = false;
  const BatchDecision decision = DecideBatch(
      limits, {Item(1, {64, 32}), Item(1, {32, 64}), Item(1, {64, 32}), Item(1, {32, 64})}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 2));
}

TEST(BatchPolicyTest, RandomQueuesNeverBreakTheBudgetNorIdleNorReorderTheOldest) {
  for (int seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> cost(0.5, 12);
    std::vector<QueuedItem> items(random() % 20);
    for (QueuedItem& item : items) {
      item = Item(cost(random), {32 * static_cast<int>(1 + random() % 2), 32});
      item.cancelled = random() % 8 == 0;
    }
    BatchLimits limits = Limits(10, 4);
    limits.mixed_sizes = seed % 2 == 0;
    const BatchDecision decision = DecideBatch(limits, items, kNow);
    double total = 0;
    for (const size_t i : decision.run) {
      ASSERT_FALSE(items[i].cancelled) << "seed " << seed;
      ASSERT_TRUE(limits.mixed_sizes || items[i].size == items[decision.run[0]].size) << seed;
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
