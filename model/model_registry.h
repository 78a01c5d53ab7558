// The models that are served, by name.
#ifndef RADIO_MODEL_MODEL_REGISTRY_H_
#define RADIO_MODEL_MODEL_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/base/thread_pool.h"
#include "model/batching/batch_queue.h"
#include "model/batching/batch_worker.h"
#include "model/batching/cost_model.h"
#include "model/batching/model_load.h"
#include "model/engine/engine.h"
#include "model/metrics_sink.h"
#include "model/model_spec.h"

namespace radio {

// One model with its queue, its engine and its worker. Thread-safe.
class ServedModel {
 public:
  // `completions`, `clock` and `metrics` must outlive the model. Starts the worker.
  ServedModel(ModelSpec spec, std::unique_ptr<Engine> engine, BatchLimits limits,
              ThreadPool* completions, const Clock* clock, MetricsSink* metrics);
  // Closes the queue and waits until what was in it is done.
  ~ServedModel();

  const ModelSpec& spec() const { return spec_; }
  const CostModel& cost_model() const { return cost_model_; }
  const Engine& engine() const { return *engine_; }
  // Internally synchronised: const here means that the model itself does not change.
  BatchQueue& queue() const { return *queue_; }
  ModelLoad& load() const { return *load_; }

 private:
  const ModelSpec spec_;
  const CostModel cost_model_;
  // Destroyed in reverse order: the worker, which uses all the others, first.
  const std::unique_ptr<ModelLoad> load_;
  const std::unique_ptr<Engine> engine_;
  const std::unique_ptr<BatchQueue> queue_;
  BatchWorker worker_;
};

// Thread-safe. Which names there are never changes; each gets its model once.
class ModelRegistry {
 public:
  // `names` in configuration order, unique; `default_model` is one of them. None is loaded yet.
  ModelRegistry(const std::vector<std::string>& names, std::string default_model);
  // With all their models, in configuration order.
  ModelRegistry(std::vector<std::shared_ptr<const ServedModel>> models, std::string default_model);

  // `model` has one of the names, and that one had no model before.
  void Add(std::shared_ptr<const ServedModel> model);

  // The model of that name, the default one for an empty name; MODEL_LOADING when it is not loaded
  // yet; MODEL_NOT_FOUND lists the valid names.
  absl::StatusOr<std::shared_ptr<const ServedModel>> Find(absl::string_view name) const;

  // Those that are loaded, in configuration order.
  std::vector<std::shared_ptr<const ServedModel>> models() const;
  // All names, in configuration order.
  std::vector<std::string> names() const;

 private:
  struct Entry {
    std::string name;
    // Null while it loads.
    std::shared_ptr<const ServedModel> model;
  };

  const std::string default_model_;
  mutable Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio

#endif  // RADIO_MODEL_MODEL_REGISTRY_H_
