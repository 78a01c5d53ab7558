// How full batches of mixed sizes are, and how long the rarest size waits, at a steady backlog.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>

#include "model/batching/batch_policy.h"
#include "model/batching/batch_queue.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

// Tokens per side of the size of that number, of `sizes` from 224 x 224 to 704 x 704 pixels.
int Grid(int size, int sizes) { return sizes == 1 ? 27 : 14 + 30 * size / (sizes - 1); }

// An image of a ViT-B of so many tokens per side.
QueuedItem ItemOf(int grid) {
  const double tokens = grid * grid;
  QueuedItem item;
  item.cost = tokens * (1 + tokens / 2304);
  return item;
}

// All sizes are equally likely.
QueuedItem RandomItem(int sizes, std::mt19937* random) {
  return ItemOf(Grid(static_cast<int>((*random)() % static_cast<uint32_t>(sizes)), sizes));
}

// Images of `sizes` sizes, two batches of them always waiting.
class SteadyBacklog {
 public:
  SteadyBacklog(uint32_t seed, int sizes) : random_(seed), sizes_(sizes) { Fill(); }

  // Cost of the next batch over the budget.
  double Next() {
    const std::vector<QueuedItem> items(line_.begin(), line_.end());
    const BatchDecision decision = DecideBatch(limits_, items, absl::UnixEpoch());
    double cost = 0;
    for (auto i = decision.run.rbegin(); i != decision.run.rend(); ++i) {
      const auto at = static_cast<std::ptrdiff_t>(*i);
      cost += line_[*i].cost;
      // The largest size is the hardest to place.
      if (items[*i].cost == ItemOf(Grid(sizes_ - 1, sizes_)).cost)
        waits_.push_back(batches_ - arrivals_[*i]);
      line_.erase(line_.begin() + at);
      arrivals_.erase(arrivals_.begin() + at);
    }
    waiting_ -= cost;
    ++batches_;
    Fill();
    return cost / limits_.max_cost;
  }

  const std::vector<int>& waits() const { return waits_; }

 private:
  void Fill() {
    while (waiting_ < 2 * limits_.max_cost) {
      line_.push_back(RandomItem(sizes_, &random_));
      arrivals_.push_back(batches_);
      waiting_ += line_.back().cost;
    }
  }

  std::mt19937 random_;
  const int sizes_;
  BatchLimits limits_;
  std::deque<QueuedItem> line_;
  std::deque<int> arrivals_;
  double waiting_ = 0;
  int batches_ = 0;
  std::vector<int> waits_;
};

TEST(BatchFillTest, BatchesOfManySizesAreFullAndNoneWaitsLong) {
  for (const int sizes : {1, 2, 4, 8, 16}) {
    double fill = 0;
    std::vector<int> waits;
    constexpr int kSeeds = 10000;
    constexpr int kBatches = 10;
    for (uint32_t seed = 0; seed < kSeeds; ++seed) {
      SteadyBacklog backlog(seed, sizes);
      for (int i = 0; i < kBatches; ++i) fill += backlog.Next() / kBatches / kSeeds;
      waits.insert(waits.end(), backlog.waits().begin(), backlog.waits().end());
    }
    std::sort(waits.begin(), waits.end());
    const int p99 = waits[waits.size() * 99 / 100];
    EXPECT_GE(fill, 0.8) << sizes << " sizes";
    EXPECT_LE(p99, 3) << sizes << " sizes";
    std::cout << sizes << " sizes: mean fill " << fill << ", p99 wait of the largest " << p99
              << " batches\n";
  }
}

// While a batch runs, the next is taken as soon as the queue gives one.
TEST(BatchFillTest, BatchesTakenAheadOfTimeAreAsFullThough) {
  const SimulatedClock clock;
  for (const int sizes : {1, 2, 4, 8, 16}) {
    double fill = 0;
    constexpr int kSeeds = 1000;
    constexpr int kBatches = 10;
    for (uint32_t seed = 0; seed < kSeeds; ++seed) {
      std::mt19937 random(seed);
      BatchQueue queue({}, &clock);
      const auto submit = [&] {
        const QueuedItem item = RandomItem(sizes, &random);
        Task::Work work;
        work.cost = item.cost;
        work.cancel = std::make_shared<CancelToken>();
        auto task = std::make_unique<Task>(std::move(work), [](const Task::Result&) {});
        ASSERT_TRUE(queue.Submit(task).ok());
      };
      submit();
      queue.NextBatch();
      for (int i = 0; i < kBatches; ++i) {
        while (!queue.ready()) submit();
        const Batch batch = queue.NextBatch();
        for (const auto& task : batch.run) {
          fill += task->work().cost / batch.max_cost / kBatches / kSeeds;
        }
        queue.Done();
      }
    }
    EXPECT_GE(fill, 0.8) << sizes << " sizes";
    std::cout << sizes << " sizes: mean fill of batches taken ahead " << fill << "\n";
  }
}

}  // namespace
}  // namespace radio
