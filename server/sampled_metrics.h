// Metrics that are read when Prometheus scrapes, so that they cannot drift from what they describe.
#ifndef RADIO_SERVER_SAMPLED_METRICS_H_
#define RADIO_SERVER_SAMPLED_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <string>
#include <vector>

#include "server/metric_table.h"

namespace radio::server {

// One value of one series.
struct Sample {
  Metric metric;
  // In the order of the metric's labels.
  std::vector<std::string> label_values;
  double value = 0;
};

// Thread-safe when the source is.
class SampledMetrics : public prometheus::Collectable {
 public:
  // Called at each scrape, on the scraper's thread; appends the samples.
  using Source = std::function<void(std::vector<Sample>*)>;

  explicit SampledMetrics(std::vector<Source> sources) : sources_(std::move(sources)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::vector<Source> sources_;
};

// The process_* metrics, from /proc.
void SampleProcess(std::vector<Sample>* samples);

}  // namespace radio::server

#endif  // RADIO_SERVER_SAMPLED_METRICS_H_
