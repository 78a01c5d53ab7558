#include "server/metric_table.h"

#include <array>

#include "absl/status/status.h"
#include "model/errors.h"

namespace radio::server {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;

constexpr double kRequestSeconds[] = {.001, .0025, .005, .01, .02, .03, .05, .075, .1,
                                      .15,  .25,   .5,   1,   2.5, 5,   10,  30};
constexpr double kStageSeconds[] = {.0001, .00025, .0005, .001, .0025, .005, .01, .02,
                                    .05,   .1,     .25,   .5,   1,     2.5,  5,   10};
constexpr double kMessageBytes[] = {1024,    4096,    16384,    65536,    262144,
                                    1048576, 4194304, 16777216, 67108864, 268435456};
constexpr double kPowersOfTwo[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
constexpr double kTokens[] = {256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};
constexpr double kRatios[] = {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1};

constexpr std::array<MetricInfo, 43> kMetrics = {{
    {Metric::kRequestsStarted,
     kCounter,
     "radio_requests_started_total",
     "method",
     "Calls that began.",
     {}},
    {Metric::kRequests,
     kCounter,
     "radio_requests_total",
     "method,model,grpc_code",
     "Calls that ended, by their status.",
     {}},
    {Metric::kRequestsInFlight,
     kGauge,
     "radio_requests_in_flight",
     "method",
     "Calls open now.",
     {}},
    {Metric::kRequestDuration, kHistogram, "radio_request_duration_seconds", "method,model",
     "From the arrival of a call's request to the end of the call.", kRequestSeconds},
    {Metric::kRequestSize, kHistogram, "radio_request_size_bytes", "method",
     "Request messages; of a stream, each.", kMessageBytes},
    {Metric::kResponseSize, kHistogram, "radio_response_size_bytes", "method",
     "Response messages; of a stream, each.", kMessageBytes},
    {Metric::kImagesReceived,
     kCounter,
     "radio_images_received_total",
     "model",
     "Images of requests that are well-formed as a whole. Each ends in radio_images_total.",
     {}},
    {Metric::kImages,
     kCounter,
     "radio_images_total",
     "model,outcome",
     "Images by how they ended. Over all outcomes equal to radio_images_received_total once "
     "nothing is in flight.",
     {}},
    {Metric::kRejected,
     kCounter,
     "radio_rejected_total",
     "model,reason",
     "Errors by reason: one for each image without an answer, one for each request that is wrong "
     "as a whole.",
     {}},
    {Metric::kStageDuration, kHistogram, "radio_stage_duration_seconds", "model,stage",
     "Where an image's time goes: preprocess (decode, resize and the wait for a thread), queue "
     "(the wait for a batch), inference (the batch that held it).",
     kStageSeconds},
    {Metric::kBatches, kCounter, "radio_batches_total", "model", "Batches that ran.", {}},
    {Metric::kBatchImages, kHistogram, "radio_batch_images", "model", "Images in a batch.",
     kPowersOfTwo},
    {Metric::kBatchTokens, kHistogram, "radio_batch_tokens", "model",
     "Backbone tokens in a batch. None is padding.", kTokens},
    {Metric::kBatchFill, kHistogram, "radio_batch_fill_ratio", "model",
     "Cost of a batch over the most that one may cost.", kRatios},
    {Metric::kBatchDuration, kHistogram, "radio_batch_duration_seconds", "model",
     "How long a batch ran, after the one before it had ended. The rate of its sum is the share of "
     "time that the model was busy.",
     kStageSeconds},
    {Metric::kTokens, kCounter, "radio_tokens_total", "model", "Backbone tokens computed.", {}},
    {Metric::kBatchCuts,
     kCounter,
     "radio_batch_cuts_total",
     "model,cut",
     "Batches by what kept them from being larger: queue_empty (nothing else waited), cost, images "
     "or bytes (the limit of a batch), size (the model takes one size at a time), deadline (a "
     "larger batch would have ended too late for an image in it).",
     {}},
    {Metric::kOutOfMemory,
     kCounter,
     "radio_out_of_memory_total",
     "model",
     "Runs that the device had no memory for. Their batches were run again in smaller parts.",
     {}},

    {Metric::kInflightItems,
     kGauge,
     "radio_inflight_items",
     "",
     "Images admitted and not yet answered. What autoscaling goes by.",
     {}},
    {Metric::kInflightItemsLimit,
     kGauge,
     "radio_inflight_items_limit",
     "",
     "Beyond this many images in flight, requests are refused.",
     {}},
    {Metric::kInflightBytes,
     kGauge,
     "radio_inflight_bytes",
     "",
     "Memory of the images in flight and of their answers.",
     {}},
    {Metric::kInflightBytesLimit,
     kGauge,
     "radio_inflight_limit_bytes",
     "",
     "Beyond this much memory in flight, requests are refused.",
     {}},
    {Metric::kQueueDepth,
     kGauge,
     "radio_queue_depth",
     "model",
     "Images that wait for a batch.",
     {}},
    {Metric::kQueueOldestAge,
     kGauge,
     "radio_queue_oldest_age_seconds",
     "model",
     "How long the oldest image has been waiting for a batch.",
     {}},
    {Metric::kBatchBudget,
     kGauge,
     "radio_batch_budget_cost",
     "model",
     "What a batch may cost now, in token equivalents: less than configured after the device ran "
     "out of memory.",
     {}},
    {Metric::kDeviceMemoryAllocated,
     kGauge,
     "radio_device_memory_allocated_bytes",
     "model",
     "Memory that holds tensors on the device of the model; 0 on a CPU. Models of one device "
     "report "
     "the same.",
     {}},
    {Metric::kDeviceMemoryReserved,
     kGauge,
     "radio_device_memory_reserved_bytes",
     "model",
     "Memory that the runtime has taken from the device of the model, kept parts included; 0 on a "
     "CPU.",
     {}},
    {Metric::kPreprocessThreads,
     kGauge,
     "radio_preprocess_threads",
     "",
     "Threads that decode and resize.",
     {}},
    {Metric::kPreprocessQueueDepth,
     kGauge,
     "radio_preprocess_queue_depth",
     "",
     "Images that wait for such a thread.",
     {}},
    {Metric::kImagesQuarantined,
     kCounter,
     "radio_images_quarantined_total",
     "",
     "Images refused because the same bytes had failed in the model just before.",
     {}},
    {Metric::kModelReady,
     kGauge,
     "radio_model_ready",
     "model",
     "1 when the model is loaded, self-tested and its device works.",
     {}},
    {Metric::kModelLoadDuration,
     kGauge,
     "radio_model_load_duration_seconds",
     "model",
     "How long loading took at start: checksums, weights, warm-up and self-test.",
     {}},
    {Metric::kModelInfo,
     kGauge,
     "radio_model_info",
     "model,version,architecture,precision,device,source_sha256",
     "1; its labels say what is served.",
     {}},
    {Metric::kBuildInfo,
     kGauge,
     "radio_build_info",
     "version,grpc_version",
     "1; its labels say what serves.",
     {}},
    {Metric::kDraining, kGauge, "radio_draining", "", "1 once the server is shutting down.", {}},
    {Metric::kLogMessages,
     kCounter,
     "radio_log_messages_total",
     "level",
     "Log messages, written or suppressed.",
     {}},
    {Metric::kProcessCpu,
     kCounter,
     "process_cpu_seconds_total",
     "",
     "User and system CPU time of the process.",
     {}},
    {Metric::kProcessResidentMemory,
     kGauge,
     "process_resident_memory_bytes",
     "",
     "Resident memory of the process.",
     {}},
    {Metric::kProcessVirtualMemory,
     kGauge,
     "process_virtual_memory_bytes",
     "",
     "Virtual memory of the process.",
     {}},
    {Metric::kProcessOpenFds, kGauge, "process_open_fds", "", "Open file descriptors.", {}},
    {Metric::kProcessMaxFds, kGauge, "process_max_fds", "", "Most file descriptors allowed.", {}},
    {Metric::kProcessThreads, kGauge, "process_threads", "", "Threads of the process.", {}},
    {Metric::kProcessStartTime,
     kGauge,
     "process_start_time_seconds",
     "",
     "When the process began, in seconds since 1970.",
     {}},
}};

constexpr bool InEnumOrder() {
  for (size_t i = 0; i < kMetrics.size(); ++i) {
    if (static_cast<size_t>(kMetrics[i].metric) != i) return false;
  }
  return static_cast<size_t>(Metric::kProcessStartTime) + 1 == kMetrics.size();
}
static_assert(InEnumOrder());

std::vector<std::string> Reasons() {
  std::vector<std::string> names;
  for (const ReasonInfo& info : AllReasons()) names.emplace_back(info.name);
  return names;
}

std::vector<std::string> Codes() {
  std::vector<std::string> names;
  for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    names.push_back(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  }
  return names;
}

}  // namespace

absl::Span<const MetricInfo> AllMetrics() { return kMetrics; }

const MetricInfo& InfoOf(Metric metric) { return kMetrics[static_cast<size_t>(metric)]; }

std::vector<std::string> LabelValues(absl::string_view label) {
  if (label == "method") {
    return {"Extract",         "ExtractStream",    "ListModels",    "GetModel",
            "ModelInfer",      "ModelStreamInfer", "ServerLive",    "ServerReady",
            "ModelReady",      "ServerMetadata",   "ModelMetadata", "ModelConfig",
            "ModelStatistics", "RepositoryIndex"};
  }
  if (label == "outcome") return {"ok", "rejected", "invalid", "failed", "cancelled", "expired"};
  if (label == "cut") return {"queue_empty", "cost", "images", "bytes", "size", "deadline"};
  if (label == "stage") return {"preprocess", "queue", "inference"};
  if (label == "level") return {"debug", "info", "warning", "error"};
  if (label == "reason") return Reasons();
  if (label == "grpc_code") return Codes();
  return {};
}

}  // namespace radio::server
