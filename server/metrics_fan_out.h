// One sink that feeds several.
#ifndef RADIO_SERVER_METRICS_FAN_OUT_H_
#define RADIO_SERVER_METRICS_FAN_OUT_H_

#include <utility>
#include <vector>

#include "model/metrics_sink.h"

namespace radio::server {

// Thread-safe.
class MetricsFanOut : public MetricsSink {
 public:
  // All outlive this object.
  explicit MetricsFanOut(std::vector<MetricsSink*> sinks) : sinks_(std::move(sinks)) {}

  void ImagesReceived(absl::string_view model, int images) override {
    for (MetricsSink* sink : sinks_) sink->ImagesReceived(model, images);
  }
  void ImageFinished(absl::string_view model, Outcome outcome, std::optional<Reason> reason,
                     const Timings& timings) override {
    for (MetricsSink* sink : sinks_) sink->ImageFinished(model, outcome, reason, timings);
  }
  void BatchFinished(absl::string_view model, const BatchReport& report) override {
    for (MetricsSink* sink : sinks_) sink->BatchFinished(model, report);
  }

 private:
  const std::vector<MetricsSink*> sinks_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_METRICS_FAN_OUT_H_
