#include "model/batching/model_load.h"

#include <algorithm>

namespace radio {
namespace {

// Weight of the past after each batch: about the last 16 batches count.
constexpr double kDecay = 15.0 / 16.0;

}  // namespace

void ModelLoad::AddPending(double cost) {
  MutexLock lock(&mutex_);
  pending_ += cost;
}

void ModelLoad::RemovePending(double cost) {
  MutexLock lock(&mutex_);
  // Sums of doubles need not cancel exactly.
  pending_ = std::max(0.0, pending_ - cost);
}

void ModelLoad::RecordBatch(double cost, absl::Duration duration) {
  MutexLock lock(&mutex_);
  recent_cost_ = recent_cost_ * kDecay + cost;
  recent_seconds_ = recent_seconds_ * kDecay + absl::ToDoubleSeconds(duration);
}

double ModelLoad::pending() const {
  MutexLock lock(&mutex_);
  return pending_;
}

double ModelLoad::seconds_per_cost() const {
  MutexLock lock(&mutex_);
  return recent_cost_ > 0 ? recent_seconds_ / recent_cost_ : 0;
}

absl::Duration ModelLoad::DelayWith(double cost) const {
  MutexLock lock(&mutex_);
  if (recent_cost_ <= 0) return absl::ZeroDuration();
  return absl::Seconds((pending_ + cost) * recent_seconds_ / recent_cost_);
}

}  // namespace radio
