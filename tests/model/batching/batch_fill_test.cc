// How full batches of mixed sizes are, and how long the rarest size waits, at a steady backlog.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <random>

#include "model/batching/batch_policy.h"

namespace radio {
namespace {

// Images of `sizes` equally likely sizes from 224 x 224 to 704 x 704 pixels of a ViT-B, two batches
// of them always waiting.
class Backlog {
 public:
  Backlog(uint32_t seed, int sizes) : random_(seed), sizes_(sizes) { Fill(); }

  // Cost of the next batch over the budget.
  double Next() {
    const std::vector<QueuedItem> items(line_.begin(), line_.end());
    const BatchDecision decision = DecideBatch(limits_, items, absl::UnixEpoch());
    double cost = 0;
    for (auto i = decision.run.rbegin(); i != decision.run.rend(); ++i) {
      const auto at = static_cast<std::ptrdiff_t>(*i);
      cost += line_[*i].cost;
      // The largest size is the hardest to place.
      if (items[*i].size.height == Grid(sizes_ - 1)) waits_.push_back(batches_ - arrivals_[*i]);
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
  // Tokens per side.
  int Grid(int size) const { return sizes_ == 1 ? 27 : 14 + 30 * size / (sizes_ - 1); }

  void Fill() {
    while (waiting_ < 2 * limits_.max_cost) {
      QueuedItem item;
      const int grid = Grid(static_cast<int>(random_() % static_cast<uint32_t>(sizes_)));
      const double tokens = grid * grid;
      item.size = {grid, grid};
      item.cost = tokens * (1 + tokens / 2304);
      line_.push_back(item);
      arrivals_.push_back(batches_);
      waiting_ += item.cost;
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
      Backlog backlog(seed, sizes);
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

}  // namespace
}  // namespace radio
