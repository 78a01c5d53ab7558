// What the server counts and measures, for Prometheus.
#ifndef RADIO_SERVER_METRICS_H_
#define RADIO_SERVER_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/metrics_sink.h"
#include "server/metric_table.h"

namespace radio::server {

// In the order of LabelValues("method").
enum class Method {
  kExtract,
  kExtractStream,
  kListModels,
  kGetModel,
  // Of the Open Inference Protocol.
  kModelInfer,
  kModelStreamInfer,
  kServerLive,
  kServerReady,
  kModelReady,
  kServerMetadata,
  kModelMetadata,
  kModelConfig,
  kModelStatistics,
  kRepositoryIndex,
};

absl::string_view NameOf(Method method);

// Metrics that change when something happens. Every series exists from the start and none is ever
// added: the values of all labels are known. Thread-safe; a call costs a few atomic operations, or
// a short lock for a histogram.
class Metrics : public MetricsSink {
 public:
  // `models`: names of the served ones.
  explicit Metrics(std::vector<std::string> models);

  void ImagesReceived(absl::string_view model, int images) override;
  void ImageFinished(absl::string_view model, Outcome outcome, std::optional<Reason> reason,
                     const Timings& timings) override;
  void BatchFinished(absl::string_view model, const BatchReport& report) override;

  // A model that is not served counts as "other".
  void RequestStarted(Method method);
  void RequestFinished(Method method, absl::string_view model, absl::StatusCode code,
                       absl::Duration duration);
  void RequestMessage(Method method, size_t bytes);
  void ResponseMessage(Method method, size_t bytes);
  // A request that is wrong as a whole.
  void RequestRejected(absl::string_view model, Reason reason);

  std::shared_ptr<prometheus::Collectable> collectable() const { return registry_; }

 private:
  // The series of one metric, numbered by the positions of their label values.
  struct Series {
    // How many values each label has.
    std::vector<size_t> dimensions;
    std::vector<prometheus::Counter*> counters;
    std::vector<prometheus::Gauge*> gauges;
    std::vector<prometheus::Histogram*> histograms;
  };
  using Indices = std::initializer_list<size_t>;

  void Create(const MetricInfo& info);
  size_t ModelIndex(absl::string_view model) const;
  size_t IndexOf(Metric metric, Indices indices) const;
  prometheus::Counter& Counter(Metric metric, Indices indices) const;
  prometheus::Gauge& Gauge(Metric metric, Indices indices) const;
  prometheus::Histogram& Histogram(Metric metric, Indices indices) const;

  // The served ones, then "other".
  const std::vector<std::string> models_;
  const std::shared_ptr<prometheus::Registry> registry_;
  // By Metric; empty for those that are read at a scrape.
  std::vector<Series> series_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_METRICS_H_
