// The domain core as the server runs it: models, admission and threads, in the order in which they
// depend on each other.
#ifndef RADIO_SERVER_CORE_H_
#define RADIO_SERVER_CORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "config/server_config.pb.h"
#include "model/admission.h"
#include "model/base/thread_pool.h"
#include "model/feature_extractor.h"
#include "model/metrics_sink.h"
#include "model/model_registry.h"
#include "server/load_reporter.h"
#include "server/model_loader.h"
#include "server/sampled_metrics.h"
#include "server/watchdog.h"

namespace radio::server {

// Thread-safe, but for destruction, which waits for all work in the core.
class Core {
 public:
  // `metrics` outlives the core. `models` in configuration order.
  Core(const config::ServerConfig& config, std::vector<LoadedModel> models, MetricsSink* metrics);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const ModelRegistry& registry() const { return *registry_; }
  FeatureExtractor& extractor() { return *extractor_; }
  Admission& admission() { return admission_; }
  // For the watchdog; they live as long as the core.
  const std::vector<Watchdog::Watched>& engines() const { return engines_; }

  // For load balancers. Never blocks.
  LoadSnapshot Load() const;

  // Gauges of queues, admission and models.
  void Sample(std::vector<Sample>* samples) const;

 private:
  struct ModelFacts {
    std::string device;
    absl::Duration load_duration;
  };

  const int max_items_;
  const int64_t max_bytes_;
  Admission admission_;
  // Completions outlive the models, whose workers schedule on them, and the models the threads that
  // prepare images for them.
  std::unique_ptr<ThreadPool> completions_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<ThreadPool> preprocess_;
  std::unique_ptr<FeatureExtractor> extractor_;
  std::vector<ModelFacts> facts_;
  std::vector<Watchdog::Watched> engines_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_CORE_H_
