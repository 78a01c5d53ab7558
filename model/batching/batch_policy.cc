#include "model/batching/batch_policy.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"

namespace radio {
namespace {

// Since the epoch, within a microsecond; much quicker than a difference of absl::Time.
double Seconds(absl::Time time) { return 1e-9 * static_cast<double>(absl::ToUnixNanos(time)); }

// A batch while it is being filled. Times are seconds from now.
class Filling {
 public:
  // `slacks`: how long after now the deadline of each item is.
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
    if (!limits_.mixed_sizes && item.size != size_) return BatchCut::kSize;
    if (cost_ + item.cost > limits_.max_cost) return BatchCut::kCost;
    if (bytes_ + item.bytes > limits_.max_bytes) return BatchCut::kBytes;
    if (EndOf(cost_ + item.cost) > std::min(slack_, slacks_[i])) return BatchCut::kDeadline;
    return std::nullopt;
  }

  void Add(size_t i) {
    if (images_++ == 0) size_ = items_[i].size;
    taken_[i] = true;
    cost_ += items_[i].cost;
    bytes_ += items_[i].bytes;
    slack_ = std::min(slack_, slacks_[i]);
  }

  bool Has(size_t i) const { return taken_[i]; }

  // No image could be added any more.
  bool full() const { return cost_ >= limits_.max_cost || images_ >= limits_.max_images; }

  // When a batch of `cost` that starts now would end.
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
  // Of the first.
  Size size_;
  double cost_ = 0;
  int64_t bytes_ = 0;
  // The least of the batch.
  double slack_ = std::numeric_limits<double>::infinity();
};

// The image that the batch is built around: the first in line, or, where sizes do not mix, the
// first of the size with most work, as long as the first in line can wait.
size_t Lead(const BatchLimits& limits, absl::Span<const QueuedItem> items,
            const std::vector<size_t>& alive) {
  const size_t first = alive[0];
  if (limits.mixed_sizes || items[first].skips >= limits.max_size_skips) return first;
  struct SizeWork {
    size_t first;
    double cost;
  };
  std::vector<SizeWork> works;
  absl::flat_hash_map<uint64_t, size_t> places;
  for (const size_t i : alive) {
    const Size size = items[i].size;
    const uint64_t key =
        static_cast<uint64_t>(size.height) << 32 | static_cast<uint32_t>(size.width);
    const auto [place, is_new] = places.emplace(key, works.size());
    if (is_new) works.push_back({i, 0});
    works[place->second].cost += items[i].cost;
  }
  // More than a full batch gains nothing.
  const auto less = [&](const SizeWork& a, const SizeWork& b) {
    return std::min(a.cost, limits.max_cost) < std::min(b.cost, limits.max_cost);
  };
  return std::max_element(works.begin(), works.end(), less)->first;
}

}  // namespace

BatchDecision DecideBatch(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now, double seconds_per_cost) {
  BatchDecision decision;
  std::vector<double> slacks;
  slacks.reserve(items.size());
  std::vector<size_t> alive;
  alive.reserve(items.size());
  std::vector<size_t> late;
  const double now_seconds = Seconds(now);
  for (size_t i = 0; i < items.size(); ++i) {
    const QueuedItem& item = items[i];
    slacks.push_back(Seconds(item.deadline) - now_seconds);
    const bool dead = item.cancelled || slacks[i] <= 0;
    (dead ? decision.drop : slacks[i] < item.cost * seconds_per_cost ? late : alive).push_back(i);
  }
  if (alive.empty()) {
    seconds_per_cost = 0;
    alive.swap(late);
  }
  if (!late.empty()) {
    decision.drop.insert(decision.drop.end(), late.begin(), late.end());
    std::sort(decision.drop.begin(), decision.drop.end());
  }
  if (alive.empty()) return decision;

  Filling batch(limits, items, slacks, seconds_per_cost);
  batch.Add(Lead(limits, items, alive));
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
    if (decision.cut == BatchCut::kQueueEmpty || decision.cut == BatchCut::kSize) {
      decision.cut = *obstacle;
    }
    if (batch.full()) break;
    // Images of other sizes have their turn by another rule.
    if (*obstacle != BatchCut::kSize && ++passed_over > limits.max_passed_over) break;
  }
  if (!batch.Has(alive[0])) decision.skipped = alive[0];
  decision.run = batch.Taken();
  return decision;
}

}  // namespace radio
