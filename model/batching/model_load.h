// How much work waits for a model and how fast it gets done: what admission decides by.
#ifndef RADIO_MODEL_BATCHING_MODEL_LOAD_H_
#define RADIO_MODEL_BATCHING_MODEL_LOAD_H_

#include "absl/time/time.h"
#include "model/base/mutex.h"

namespace radio {

// Thread-safe. Costs are token equivalents (cost_model.h).
class ModelLoad {
 public:
  void AddPending(double cost);
  void RemovePending(double cost);

  // A batch of `cost` took `duration`: moves the estimated rate.
  void RecordBatch(double cost, absl::Duration duration);

  double pending() const;
  // Zero before the first batch was recorded.
  double seconds_per_cost() const;
  // Time until `cost` more would be done; zero before the first batch was recorded.
  absl::Duration DelayWith(double cost) const;

 private:
  mutable Mutex mutex_;
  double pending_ ABSL_GUARDED_BY(mutex_) = 0;
  // Exponentially weighted sums of cost and seconds; their ratio is the rate.
  double recent_cost_ ABSL_GUARDED_BY(mutex_) = 0;
  double recent_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Keeps a cost pending for as long as it lives.
class PendingCost {
 public:
  PendingCost(ModelLoad* load, double cost) : load_(load), cost_(cost) { load_->AddPending(cost); }
  ~PendingCost() { load_->RemovePending(cost_); }
  PendingCost(const PendingCost&) = delete;
  PendingCost& operator=(const PendingCost&) = delete;

 private:
  ModelLoad* const load_;
  const double cost_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_MODEL_LOAD_H_
