#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "model/errors.h"
#include "server/metric_table.h"
#include "tools/docs/pages.h"

namespace radio::docs {
namespace {

using server::MetricInfo;
using server::MetricType;

absl::string_view NameOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "";
}

std::string Code(absl::string_view text) { return absl::StrCat("`", text, "`"); }

std::string Labels(const MetricInfo& info) {
  std::vector<std::string> labels;
  for (const absl::string_view label : absl::StrSplit(info.labels, ',', absl::SkipEmpty())) {
    labels.push_back(Code(label));
  }
  return absl::StrJoin(labels, ", ");
}

std::string Values(absl::string_view label) {
  std::vector<std::string> values;
  for (const std::string& value : server::LabelValues(label)) values.push_back(Code(value));
  return absl::StrJoin(values, ", ");
}

}  // namespace

std::string ErrorsPage() {
  std::string page =
      "# Errors\n\n"
      "Generated from the table in [model/errors.cc](../model/errors.cc) by "
      "`tools/docs/generate.sh`; change it there.\n\n"
      "Every error carries `google.rpc.ErrorInfo` with `domain: \"radio.v1\"` and one of these "
      "reasons: in `ImageResult.status` for one image, in the trailer `grpc-status-details-bin` "
      "for "
      "a whole call. The same names appear in the metric `radio_rejected_total` and in the logs. "
      "INVALID_ARGUMENT errors of a field add `google.rpc.BadRequest` with its path; NOT_FOUND "
      "errors list the valid names in the metadata `valid_names`; RESOURCE_EXHAUSTED errors add "
      "`google.rpc.RetryInfo`, and the trailer `grpc-retry-pushback-ms` when they end a call. A "
      "call that its own client ended, or that gRPC refused, carries the code's name as its "
      "reason.\n\n"
      "Worth a retry: RESOURCE_EXHAUSTED after the time it names, UNAVAILABLE at once on another "
      "server.\n\n"
      "| Reason | Code | Meaning |\n|---|---|---|\n";
  for (const ReasonInfo& info : AllReasons()) {
    absl::StrAppend(&page, "| `", info.name, "` | ", absl::StatusCodeToString(info.code), " | ",
                    info.meaning, " |\n");
  }
  return page;
}

std::string MetricsPage() {
  std::string page =
      "# Metrics\n\n"
      "Generated from the table in [server/metric_table.cc](../server/metric_table.cc) by "
      "`tools/docs/generate.sh`; change it there.\n\n"
      "Prometheus text on `http://METRICS_ADDRESS/metrics`. Every series exists from the start, at "
      "0, and no request can add one: the values of all labels are known.\n\n"
      "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n";
  for (const MetricInfo& info : server::AllMetrics()) {
    absl::StrAppend(&page, "| `", info.name, "` | ", NameOf(info.type), " | ", Labels(info), " | ",
                    info.help, " |\n");
  }
  absl::StrAppend(&page,
                  "\n## Labels\n\n| Label | Values |\n|---|---|\n"
                  "| `model` | the served models, and `",
                  server::kOtherModel, "` for any that is not served |\n");
  for (const absl::string_view label :
       {"method", "grpc_code", "outcome", "reason", "stage", "level"}) {
    absl::StrAppend(&page, "| `", label, "` | ", Values(label), " |\n");
  }
  absl::StrAppend(&page, "\n## Buckets\n\n| Histogram | Upper bounds |\n|---|---|\n");
  for (const MetricInfo& info : server::AllMetrics()) {
    if (info.buckets.empty()) continue;
    absl::StrAppend(&page, "| `", info.name, "` | ", absl::StrJoin(info.buckets, ", "), " |\n");
  }
  return page;
}

}  // namespace radio::docs
