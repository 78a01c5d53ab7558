// The domain core as the server runs it: models, admission and threads, in the order in which they
// depend on each other.
#ifndef RADIO_SERVER_CORE_H_
#define RADIO_SERVER_CORE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "config/server_config.pb.h"
#include "model/admission.h"
#include "model/base/mutex.h"
#include "model/base/thread_pool.h"
#include "model/feature_extractor.h"
#include "model/metrics_sink.h"
#include "model/model_registry.h"
#include "model/quarantine.h"
#include "server/load_reporter.h"
#include "server/model_loader.h"
#include "server/sampled_metrics.h"
#include "server/watchdog.h"

namespace radio::server {

// Thread-safe, but for destruction, which waits for all work in the core.
class Core {
 public:
  // Without models yet. `metrics` outlives the core.
  Core(const config::ServerConfig& config, MetricsSink* metrics);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // From now on `model` serves. One of the configuration's, each once.
  void Add(LoadedModel model);

  const ModelRegistry& registry() const { return *registry_; }
  FeatureExtractor& extractor() { return *extractor_; }
  Admission& admission() { return admission_; }
  // Those of the models added so far, for the watchdog; they live as long as the core.
  std::vector<Watchdog::Watched> engines() const;

  // For load balancers. Never blocks.
  LoadSnapshot Load() const;

  // Gauges of queues, admission and models.
  void Sample(std::vector<Sample>* samples) const;

 private:
  void SampleModel(const ServedModel& model, std::vector<server::Sample>* samples) const;

  struct ModelFacts {
    std::string device;
    absl::Duration load_duration;
  };

  const config::ServerConfig config_;
  MetricsSink* const metrics_;
  Admission admission_;
  // Null when it is turned off.
  std::unique_ptr<Quarantine> quarantine_;
  // Completions outlive the models, whose workers schedule on them, and the models the threads that
  // prepare images for them.
  std::unique_ptr<ThreadPool> completions_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<ThreadPool> preprocess_;
  std::unique_ptr<FeatureExtractor> extractor_;

  mutable Mutex mutex_;
  // By the model's name.
  std::map<std::string, ModelFacts> facts_ ABSL_GUARDED_BY(mutex_);
  std::vector<Watchdog::Watched> engines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_CORE_H_
