#include "model/batching/model_load.h"

namespace radio {
namespace {

// Weight of the past after each batch: about the last 16 batches count.
constexpr double kDecay = 15.0 / 16.0;

}  // namespace

void ModelLoad::AddPending(ClientId client, double cost) {
  MutexLock lock(&mutex_);
  for (Pending* pending : {&all_, &clients_[client]}) {
    pending->cost += cost;
    ++pending->images;
  }
}

void ModelLoad::RemovePending(ClientId client, double cost) {
  MutexLock lock(&mutex_);
  const auto mine = clients_.find(client);
  for (Pending* pending : {&all_, &mine->second}) {
    pending->cost -= cost;
    // Sums of doubles need not cancel exactly.
    if (--pending->images == 0) pending->cost = 0;
  }
  if (mine->second.images == 0) clients_.erase(mine);
}

void ModelLoad::RecordBatch(double cost, absl::Duration duration) {
  MutexLock lock(&mutex_);
  recent_cost_ = recent_cost_ * kDecay + cost;
  recent_seconds_ = recent_seconds_ * kDecay + absl::ToDoubleSeconds(duration);
}

ModelLoad::Snapshot ModelLoad::Look(ClientId client) const {
  MutexLock lock(&mutex_);
  const auto mine = clients_.find(client);
  return {all_.cost, mine == clients_.end() ? 0 : mine->second.cost, SecondsPerCost()};
}

double ModelLoad::pending() const {
  MutexLock lock(&mutex_);
  return all_.cost;
}

double ModelLoad::seconds_per_cost() const {
  MutexLock lock(&mutex_);
  return SecondsPerCost();
}

double ModelLoad::SecondsPerCost() const {
  return recent_cost_ > 0 ? recent_seconds_ / recent_cost_ : 0;
}

}  // namespace radio
