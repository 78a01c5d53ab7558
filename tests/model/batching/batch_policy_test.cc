#include "model/batching/batch_policy.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
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
  BatchLimits limits = Limits(10);
  limits.mixed_sizes = false;
  EXPECT_EQ(DecideBatch(limits, {Item(4), Item(4, {64, 64})}, kNow).cut, BatchCut::kSize);
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

BatchLimits SameSizeLimits(double max_cost) {
  BatchLimits limits = Limits(max_cost);
  limits.mixed_sizes = false;
  return limits;
}

TEST(BatchPolicyTest, SameSizeModelTakesOneSizeOnly) {
  const BatchDecision decision = DecideBatch(
      SameSizeLimits(10),
      {Item(1, {64, 32}), Item(1, {32, 64}), Item(1, {64, 32}), Item(1, {32, 64})}, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 2));
}

TEST(BatchPolicyTest, SameSizeModelFillsABatchFromAmongManyOtherSizes) {
  constexpr int kSizes = 40;
  std::vector<QueuedItem> items;
  for (int i = 0; i < 10 * kSizes; ++i) items.push_back(Item(1, {32, 32 * (1 + i % kSizes)}));
  const BatchDecision decision = DecideBatch(SameSizeLimits(8), items, kNow);
  EXPECT_THAT(decision.run, ElementsAre(0, 40, 80, 120, 160, 200, 240, 280));
  EXPECT_EQ(decision.cut, BatchCut::kImages);
}

TEST(BatchPolicyTest, SameSizeModelTakesTheFullestSizeUnlessTheFirstHasWaitedLongEnough) {
  std::vector<QueuedItem> items = {Item(4, {64, 32}), Item(4, {32, 64}), Item(4, {32, 64})};
  const BatchDecision fullest = DecideBatch(SameSizeLimits(10), items, kNow);
  EXPECT_THAT(fullest.run, ElementsAre(1, 2));
  EXPECT_EQ(fullest.skipped, 0u);
  items[0].skips = 2;
  const BatchDecision first = DecideBatch(SameSizeLimits(10), items, kNow);
  EXPECT_THAT(first.run, ElementsAre(0));
  EXPECT_EQ(first.skipped, std::nullopt);
}

// Batches that an image of a rare size waits while other sizes come without end, two full batches
// of them before each decision.
int WaitOfARareSize(const BatchLimits& limits, uint32_t seed, int popular_sizes) {
  std::mt19937 random(seed);
  const auto popular = [&] {
    return Item(1, {32, 32 * static_cast<int>(1 + random() % popular_sizes)});
  };
  std::deque<QueuedItem> line;
  // Not more than a batch of each size before it.
  for (int i = 0; i < popular_sizes; ++i) line.push_back(Item(1, {32, 32 * (i + 1)}));
  line.push_back(Item(1, {999, 999}));
  for (int batches = 0; batches < 1000; ++batches) {
    for (int i = 0; i < 2 * limits.max_cost; ++i) line.push_back(popular());
    const std::vector<QueuedItem> items(line.begin(), line.end());
    const BatchDecision decision = DecideBatch(limits, items, kNow);
    if (decision.skipped.has_value()) ++line[*decision.skipped].skips;
    if (items[decision.run[0]].size.height == 999) return batches;
    for (auto i = decision.run.rbegin(); i != decision.run.rend(); ++i) {
      line.erase(line.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }
  return 1000;
}

TEST(BatchPolicyTest, RareSizeWaitsNoLongerThanItsBound) {
  BatchLimits limits = SameSizeLimits(8);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    for (const int popular : {1, 2, 4}) {
      ASSERT_LE(WaitOfARareSize(limits, seed, popular), (popular + 1) * (limits.max_size_skips + 1))
          << "seed " << seed << ", " << popular << " popular sizes";
    }
  }
  limits.max_size_skips = 1000000;
  EXPECT_EQ(WaitOfARareSize(limits, 1, 2), 1000) << "without the bound it would starve";
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
      if (limits.mixed_sizes) {
        ASSERT_EQ(decision.run[0], static_cast<size_t>(oldest - items.begin())) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace radio
