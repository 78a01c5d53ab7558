#include "server/metrics.h"

#include <map>
#include <utility>

#include "absl/strings/str_split.h"

namespace radio::server {
namespace {

constexpr size_t kFirstSampled = static_cast<size_t>(Metric::kInflightItems);

std::vector<std::string> WithOther(std::vector<std::string> models) {
  models.emplace_back(kOtherModel);
  return models;
}

}  // namespace

absl::string_view NameOf(Method method) {
  static const auto* const names = new std::vector<std::string>(LabelValues("method"));
  return (*names)[static_cast<size_t>(method)];
}

Metrics::Metrics(std::vector<std::string> models)
    : models_(WithOther(std::move(models))), registry_(std::make_shared<prometheus::Registry>()) {
  series_.resize(kFirstSampled);
  for (size_t i = 0; i < kFirstSampled; ++i) Create(AllMetrics()[i]);
}

void Metrics::Create(const MetricInfo& info) {
  std::vector<std::map<std::string, std::string>> all = {{}};
  Series& series = series_[static_cast<size_t>(info.metric)];
  for (const absl::string_view label : absl::StrSplit(info.labels, ',', absl::SkipEmpty())) {
    const std::vector<std::string> values = label == "model" ? models_ : LabelValues(label);
    std::vector<std::map<std::string, std::string>> longer;
    for (const auto& labels : all) {
      for (const std::string& value : values) {
        longer.push_back(labels);
        longer.back()[std::string(label)] = value;
      }
    }
    all = std::move(longer);
    series.dimensions.push_back(values.size());
  }
  const std::string name(info.name);
  const std::string help(info.help);
  if (info.type == MetricType::kCounter) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(*registry_);
    for (const auto& labels : all) series.counters.push_back(&family.Add(labels));
  } else if (info.type == MetricType::kGauge) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(*registry_);
    for (const auto& labels : all) series.gauges.push_back(&family.Add(labels));
  } else {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_);
    const std::vector<double> buckets(info.buckets.begin(), info.buckets.end());
    for (const auto& labels : all) series.histograms.push_back(&family.Add(labels, buckets));
  }
}

size_t Metrics::ModelIndex(absl::string_view model) const {
  size_t index = 0;
  while (index + 1 < models_.size() && models_[index] != model) ++index;
  return index;
}

size_t Metrics::IndexOf(Metric metric, Indices indices) const {
  const std::vector<size_t>& dimensions = series_[static_cast<size_t>(metric)].dimensions;
  size_t result = 0;
  size_t label = 0;
  for (const size_t index : indices) result = result * dimensions[label++] + index;
  return result;
}

prometheus::Counter& Metrics::Counter(Metric metric, Indices indices) const {
  return *series_[static_cast<size_t>(metric)].counters[IndexOf(metric, indices)];
}

prometheus::Gauge& Metrics::Gauge(Metric metric, Indices indices) const {
  return *series_[static_cast<size_t>(metric)].gauges[IndexOf(metric, indices)];
}

prometheus::Histogram& Metrics::Histogram(Metric metric, Indices indices) const {
  return *series_[static_cast<size_t>(metric)].histograms[IndexOf(metric, indices)];
}

void Metrics::ImagesReceived(absl::string_view model, int images) {
  Counter(Metric::kImagesReceived, {ModelIndex(model)}).Increment(images);
}

void Metrics::ImageFinished(absl::string_view model, Outcome outcome, std::optional<Reason> reason,
                            const Timings& timings) {
  const size_t index = ModelIndex(model);
  Counter(Metric::kImages, {index, static_cast<size_t>(outcome)}).Increment();
  if (reason) Counter(Metric::kRejected, {index, static_cast<size_t>(*reason)}).Increment();
  if (outcome != Outcome::kOk) return;
  const absl::Duration stages[] = {timings.preprocess, timings.queue, timings.inference};
  for (size_t stage = 0; stage < 3; ++stage) {
    Histogram(Metric::kStageDuration, {index, stage}).Observe(absl::ToDoubleSeconds(stages[stage]));
  }
}

void Metrics::BatchFinished(absl::string_view model, const BatchReport& report) {
  const size_t index = ModelIndex(model);
  Counter(Metric::kBatches, {index}).Increment();
  Counter(Metric::kTokens, {index}).Increment(report.tokens);
  Counter(Metric::kBatchCuts, {index, static_cast<size_t>(report.cut)}).Increment();
  Counter(Metric::kOutOfMemory, {index}).Increment(report.out_of_memory);
  Histogram(Metric::kBatchImages, {index}).Observe(report.images);
  Histogram(Metric::kBatchTokens, {index}).Observe(report.tokens);
  if (report.max_cost > 0) {
    Histogram(Metric::kBatchFill, {index}).Observe(report.cost / report.max_cost);
  }
  Histogram(Metric::kBatchDuration, {index}).Observe(absl::ToDoubleSeconds(report.duration));
}

void Metrics::RequestStarted(Method method) {
  const auto index = static_cast<size_t>(method);
  Counter(Metric::kRequestsStarted, {index}).Increment();
  Gauge(Metric::kRequestsInFlight, {index}).Increment();
}

void Metrics::RequestFinished(Method method, absl::string_view model, absl::StatusCode code,
                              absl::Duration duration) {
  const auto index = static_cast<size_t>(method);
  const size_t model_index = ModelIndex(model);
  Counter(Metric::kRequests, {index, model_index, static_cast<size_t>(code)}).Increment();
  Histogram(Metric::kRequestDuration, {index, model_index})
      .Observe(absl::ToDoubleSeconds(duration));
  Gauge(Metric::kRequestsInFlight, {index}).Decrement();
}

void Metrics::RequestMessage(Method method, size_t bytes) {
  Histogram(Metric::kRequestSize, {static_cast<size_t>(method)}).Observe(bytes);
}

void Metrics::ResponseMessage(Method method, size_t bytes) {
  Histogram(Metric::kResponseSize, {static_cast<size_t>(method)}).Observe(bytes);
}

void Metrics::RequestRejected(absl::string_view model, Reason reason) {
  Counter(Metric::kRejected, {ModelIndex(model), static_cast<size_t>(reason)}).Increment();
}

}  // namespace radio::server
