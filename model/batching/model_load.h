// How much work waits for a model, whose it is and how fast it gets done: what admission decides
// by.
#ifndef RADIO_MODEL_BATCHING_MODEL_LOAD_H_
#define RADIO_MODEL_BATCHING_MODEL_LOAD_H_

#include <unordered_map>

#include "absl/time/time.h"
#include "model/base/mutex.h"
#include "model/types.h"

namespace radio {

// Thread-safe. Costs are token equivalents (cost_model.h).
class ModelLoad {
 public:
  struct Snapshot {
    double pending = 0;
    double pending_of_client = 0;
    // Zero before the first batch was recorded.
    double seconds_per_cost = 0;

    // Time until `cost` more would be done.
    absl::Duration DelayWith(double cost) const {
      return absl::Seconds((pending + cost) * seconds_per_cost);
    }
  };

  void AddPending(ClientId client, double cost);
  void RemovePending(ClientId client, double cost);

  // A batch of `cost` took `duration`: moves the estimated rate.
  void RecordBatch(double cost, absl::Duration duration);

  Snapshot Look(ClientId client) const;
  double pending() const;
  double seconds_per_cost() const;
  // See Snapshot.
  absl::Duration DelayWith(double cost) const { return Look(ClientId{}).DelayWith(cost); }

 private:
  struct Pending {
    double cost = 0;
    int images = 0;
  };

  double SecondsPerCost() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  Pending all_ ABSL_GUARDED_BY(mutex_);
  // Only those with pending work.
  std::unordered_map<ClientId, Pending> clients_ ABSL_GUARDED_BY(mutex_);
  // Exponentially weighted sums of cost and seconds; their ratio is the rate.
  double recent_cost_ ABSL_GUARDED_BY(mutex_) = 0;
  double recent_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Keeps a cost pending for as long as it lives.
class PendingCost {
 public:
  PendingCost(ModelLoad* load, ClientId client, double cost)
      : load_(load), client_(client), cost_(cost) {
    load_->AddPending(client_, cost_);
  }
  ~PendingCost() { load_->RemovePending(client_, cost_); }
  PendingCost(const PendingCost&) = delete;
  PendingCost& operator=(const PendingCost&) = delete;

 private:
  ModelLoad* const load_;
  const ClientId client_;
  const double cost_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_MODEL_LOAD_H_
