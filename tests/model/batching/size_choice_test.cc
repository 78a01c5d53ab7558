#include "model/batching/size_choice.h"

#include <gmock/gmock.h>

#include <deque>
#include <random>
#include <vector>

namespace radio {
namespace {

WaitingSize Waiting(double cost, uint64_t sequence, int skips = 0) {
  return {cost, {0, 0, sequence}, skips};
}

BatchLimits LimitsOf(double max_cost) {
  BatchLimits limits;
  limits.max_cost = max_cost;
  return limits;
}

TEST(SizeChoiceTest, MostWorkRunsUnlessTheFirstHasWaitedLongEnough) {
  const BatchLimits limits = LimitsOf(10);
  for (const int skips : {0, 1, 2}) {
    const SizeChoice choice =
        ChooseSize(limits, {Waiting(8, 5), Waiting(4, 1, skips), Waiting(6, 2)});
    EXPECT_EQ(choice.first, 1u);
    EXPECT_EQ(choice.run, skips < 2 ? 0u : 1u);
  }
}

TEST(SizeChoiceTest, OfFullBatchesTheFirstRuns) {
  const SizeChoice choice =
      ChooseSize(LimitsOf(10), {Waiting(1, 1), Waiting(90, 4), Waiting(11, 3), Waiting(50, 5)});
  EXPECT_EQ(choice.first, 0u);
  EXPECT_EQ(choice.run, 2u);
}

// Batches that an image of a rare size waits while other sizes come without end, two full batches
// of them before each decision. Each image costs 1.
int WaitOfARareSize(const BatchLimits& limits, uint32_t seed, int popular_sizes) {
  struct Image {
    uint64_t sequence;
    int skips = 0;
  };
  std::mt19937 random(seed);
  uint64_t sequence = 0;
  // The last is the rare one. Not more than a batch of each size is before it.
  std::vector<std::deque<Image>> lines(popular_sizes + 1);
  for (std::deque<Image>& line : lines) line.push_back({sequence++});
  for (int batches = 0; batches < 1000; ++batches) {
    for (int i = 0; i < 2 * limits.max_cost; ++i) {
      lines[random() % popular_sizes].push_back({sequence++});
    }
    std::vector<WaitingSize> sizes;
    std::vector<std::deque<Image>*> waiting;
    for (std::deque<Image>& line : lines) {
      if (line.empty()) continue;
      const double cost = static_cast<double>(line.size());
      sizes.push_back(Waiting(cost, line[0].sequence, line[0].skips));
      waiting.push_back(&line);
    }
    const SizeChoice choice = ChooseSize(limits, sizes);
    if (waiting[choice.run] == &lines.back()) return batches;
    if (choice.run != choice.first) ++waiting[choice.first]->front().skips;
    for (int i = 0; i < limits.max_cost && !waiting[choice.run]->empty(); ++i) {
      waiting[choice.run]->pop_front();
    }
  }
  return 1000;
}

TEST(SizeChoiceTest, RareSizeWaitsNoLongerThanItsBound) {
  BatchLimits limits = LimitsOf(8);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    for (const int popular : {1, 2, 4}) {
      ASSERT_LE(WaitOfARareSize(limits, seed, popular), (popular + 1) * (limits.max_size_skips + 1))
          << "seed " << seed << ", " << popular << " popular sizes";
    }
  }
  limits.max_size_skips = 1000000;
  EXPECT_EQ(WaitOfARareSize(limits, 1, 2), 1000) << "without the bound it would starve";
}

}  // namespace
}  // namespace radio
