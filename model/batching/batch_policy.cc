#include "model/batching/batch_policy.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace radio {
namespace {

// Average images that have to wait beyond a limit of a batch, where sizes mix, for the batch to be
// called full: with less to choose from, the last of it finds none that fits. Batches taken ahead
// of time are then filled to 0.83 and more of the budget (batch_fill_test), as with two batches
// waiting.
constexpr double kSpareImages = 2;

// Since the epoch, within a microsecond; much quicker than a difference of absl::Time.
double Seconds(absl::Time time) { return 1e-9 * static_cast<double>(absl::ToUnixNanos(time)); }

// A batch while it is being filled. Times are seconds from when it begins.
class Filling {
 public:
  // `slacks`: how long after that the deadline of each item is.
  Filling(const BatchLimits& limits, absl::Span<const QueuedItem> items,
          absl::Span<const double> slacks, double seconds_per_cost)
      : limits_(limits),
        items_(items),
        slacks_(slacks),
        seconds_per_cost_(seconds_per_cost),
        taken_(items.size()) {}

  // What keeps an image out; nothing when it fits. The first of a batch always does.
  std::optional<BatchCut> Obstacle(size_t i) const {
    if (images_ == 0) return std::nullopt;
    const QueuedItem& item = items_[i];
    if (images_ >= limits_.max_images) return BatchCut::kImages;
    if (cost_ + item.cost > limits_.max_cost) return BatchCut::kCost;
    if (bytes_ + item.bytes > limits_.max_bytes) return BatchCut::kBytes;
    if (EndOf(cost_ + item.cost) > std::min(slack_, slacks_[i])) return BatchCut::kDeadline;
    return std::nullopt;
  }

  void Add(size_t i) {
    ++images_;
    taken_[i] = true;
    cost_ += items_[i].cost;
    bytes_ += items_[i].bytes;
    slack_ = std::min(slack_, slacks_[i]);
  }

  bool Has(size_t i) const { return taken_[i]; }

  // No image could be added any more.
  bool full() const { return cost_ >= limits_.max_cost || images_ >= limits_.max_images; }

  // When a batch of `cost` would end.
  double EndOf(double cost) const { return cost * seconds_per_cost_; }

  std::vector<size_t> Taken() const {
    std::vector<size_t> taken;
    taken.reserve(images_);
    for (size_t i = 0; i < taken_.size(); ++i) {
      if (taken_[i]) taken.push_back(i);
    }
    return taken;
  }

 private:
  const BatchLimits& limits_;
  const absl::Span<const QueuedItem> items_;
  const absl::Span<const double> slacks_;
  const double seconds_per_cost_;
  std::vector<char> taken_;
  int images_ = 0;
  double cost_ = 0;
  int64_t bytes_ = 0;
  // The least of the batch.
  double slack_ = std::numeric_limits<double>::infinity();
};

}  // namespace

BatchDecision DecideBatch(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now, double seconds_per_cost, bool others_wait,
                          absl::Duration starts_in) {
  BatchDecision decision;
  std::vector<double> slacks;
  slacks.reserve(items.size());
  std::vector<size_t> alive;
  alive.reserve(items.size());
  std::vector<size_t> late;
  const double now_seconds = Seconds(now);
  const double wait_seconds = absl::ToDoubleSeconds(starts_in);
  for (size_t i = 0; i < items.size(); ++i) {
    const QueuedItem& item = items[i];
    const double left = Seconds(item.deadline) - now_seconds;
    slacks.push_back(left - wait_seconds);
    const bool dead = item.cancelled || left <= 0;
    (dead ? decision.drop : slacks[i] < item.cost * seconds_per_cost ? late : alive).push_back(i);
  }
  if (alive.empty() && !others_wait) {
    seconds_per_cost = 0;
    std::fill(slacks.begin(), slacks.end(), std::numeric_limits<double>::infinity());
    alive.swap(late);
  }
  if (!late.empty()) {
    decision.drop.insert(decision.drop.end(), late.begin(), late.end());
    std::sort(decision.drop.begin(), decision.drop.end());
  }
  if (alive.empty()) return decision;

  Filling batch(limits, items, slacks, seconds_per_cost);
  batch.Add(alive[0]);
  if (seconds_per_cost > 0) {
    for (const size_t i : alive) {
      const bool urgent = slacks[i] < batch.EndOf(limits.max_cost + items[i].cost);
      if (urgent && !batch.Has(i) && !batch.Obstacle(i).has_value()) batch.Add(i);
    }
  }
  int passed_over = 0;
  for (const size_t i : alive) {
    if (batch.Has(i)) continue;
    const std::optional<BatchCut> obstacle = batch.Obstacle(i);
    if (!obstacle.has_value()) {
      batch.Add(i);
      continue;
    }
    if (decision.cut == BatchCut::kQueueEmpty) decision.cut = *obstacle;
    if (batch.full() || ++passed_over > limits.max_passed_over) break;
  }
  decision.run = batch.Taken();
  return decision;
}

bool FillsBatch(const BatchLimits& limits, int images, double cost, int64_t bytes) {
  const double share = limits.mixed_sizes ? 1 - kSpareImages / images : 1;
  return images >= limits.max_images || cost * share >= limits.max_cost ||
         static_cast<double>(bytes) * share >= static_cast<double>(limits.max_bytes);
}

}  // namespace radio
