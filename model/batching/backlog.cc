#include "model/batching/backlog.h"

namespace radio {
namespace {

// Average images that have to wait beyond a limit of a batch, where sizes mix, for the batch to be
// called full: with less to choose from, the last of it finds none that fits. Batches taken ahead
// of time are then filled to 0.83 and more of the budget (batch_fill_test), as with two batches
// waiting.
constexpr double kSpareImages = 2;

}  // namespace

uint64_t Backlog::KeyOf(Size size) const {
  if (mixed_sizes_) return 0;
  return static_cast<uint64_t>(size.height) << 32 | static_cast<uint32_t>(size.width);
}

void Backlog::Add(Size size, const Sum& what) {
  Sum& sum = sums_[KeyOf(size)];
  sum.images += what.images;
  sum.cost += what.cost;
  sum.bytes += what.bytes;
}

void Backlog::Remove(Size size, const Sum& what) {
  const auto it = sums_.find(KeyOf(size));
  Sum& sum = it->second;
  sum.images -= what.images;
  sum.cost -= what.cost;
  sum.bytes -= what.bytes;
  // Sums of doubles need not cancel exactly.
  if (sum.images == 0) sums_.erase(it);
}

bool Backlog::FillsBatch(const BatchLimits& limits) const {
  for (const auto& [key, sum] : sums_) {
    const double share = mixed_sizes_ ? 1 - kSpareImages / sum.images : 1;
    if (sum.images >= limits.max_images || sum.cost * share >= limits.max_cost ||
        static_cast<double>(sum.bytes) * share >= static_cast<double>(limits.max_bytes)) {
      return true;
    }
  }
  return false;
}

}  // namespace radio
