// The one table of metrics: what exists, under which name, with which labels.
#ifndef RADIO_SERVER_METRIC_TABLE_H_
#define RADIO_SERVER_METRIC_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace radio::server {

enum class Metric {
  kRequestsStarted,
  kRequests,
  kRequestsInFlight,
  kRequestDuration,
  kRequestSize,
  kResponseSize,
  kImagesReceived,
  kImages,
  kRejected,
  kStageDuration,
  kBatches,
  kBatchImages,
  kBatchTokens,
  kBatchFill,
  kBatchDuration,
  kTokens,
  kBatchCuts,
  kOutOfMemory,
  // From here on: read when Prometheus scrapes.
  kInflightItems,
  kInflightItemsLimit,
  kInflightBytes,
  kInflightBytesLimit,
  kQueueDepth,
  kQueueOldestAge,
  kBatchBudget,
  kDeviceMemoryAllocated,
  kDeviceMemoryReserved,
  kPreprocessThreads,
  kPreprocessQueueDepth,
  kImagesQuarantined,
  kModelReady,
  kModelLoadDuration,
  kModelInfo,
  kBuildInfo,
  kDraining,
  kLogMessages,
  kProcessCpu,
  kProcessResidentMemory,
  kProcessVirtualMemory,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessThreads,
  kProcessStartTime,
};

enum class MetricType { kCounter, kGauge, kHistogram };

struct MetricInfo {
  Metric metric;
  MetricType type;
  absl::string_view name;
  // Comma-separated; each is one of the closed sets of LabelValues, or belongs to an *_info metric.
  absl::string_view labels;
  absl::string_view help;
  // Upper bounds, for a histogram.
  absl::Span<const double> buckets;
};

// All metrics, in enum order.
absl::Span<const MetricInfo> AllMetrics();
const MetricInfo& InfoOf(Metric metric);

// The whole set that label `label` takes its values from; `model` and `adaptor` are not here: they
// depend on the configuration.
std::vector<std::string> LabelValues(absl::string_view label);

// What stands for a model that is not served.
inline constexpr absl::string_view kOtherModel = "other";

}  // namespace radio::server

#endif  // RADIO_SERVER_METRIC_TABLE_H_
