#include "client/cli/bench_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/errors.h"
#include "client/json.h"

namespace radio::client {
namespace {

double AtRank(const std::vector<double>& sorted, double percent) {
  const auto rank =
      static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

std::string Row(absl::string_view name, const Percentiles& p) {
  return absl::StrFormat("%-12s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f\n", name, p.mean, p.p50, p.p90,
                         p.p95, p.p99, p.max);
}

std::string Json(const Percentiles& p) {
  return absl::StrFormat(
      "{\"mean\": %.3f, \"p50\": %.3f, \"p90\": %.3f, \"p95\": %.3f, \"p99\": %.3f, \"max\": %.3f}",
      p.mean, p.p50, p.p90, p.p95, p.p99, p.max);
}

// Of good answers, of one size or (npos) of all.
template <typename Part>
Percentiles Over(const BenchResult& result, size_t size, Part part) {
  std::vector<absl::Duration> values;
  for (const BenchSample& sample : result.samples) {
    const bool counts = size == std::string::npos || sample.size == size;
    if (counts && sample.status.ok()) values.push_back(part(sample));
  }
  return PercentilesOf(values);
}

}  // namespace

Percentiles PercentilesOf(const std::vector<absl::Duration>& values) {
  if (values.empty()) return {};
  std::vector<double> sorted;
  sorted.reserve(values.size());
  for (absl::Duration value : values) sorted.push_back(absl::ToDoubleMilliseconds(value));
  std::sort(sorted.begin(), sorted.end());
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  return {sum / static_cast<double>(sorted.size()),
          AtRank(sorted, 50),
          AtRank(sorted, 90),
          AtRank(sorted, 95),
          AtRank(sorted, 99),
          sorted.back()};
}

BenchReport MakeReport(const BenchLoad& load, const BenchResult& result) {
  constexpr size_t kAll = std::string::npos;
  BenchReport report;
  std::vector<absl::Duration> failures;
  for (const BenchSample& sample : result.samples) {
    if (sample.status.ok()) {
      ++report.ok;
      continue;
    }
    failures.push_back(sample.latency);
    const std::string reason = ReasonOf(sample.status);
    ++report.failed[reason.empty() ? absl::StatusCodeToString(sample.status.code()) : reason];
  }
  report.seconds = absl::ToDoubleSeconds(result.elapsed);
  report.images_per_second =
      report.seconds > 0 ? static_cast<double>(report.ok) / report.seconds : 0;
  const auto latency = [](const BenchSample& sample) { return sample.latency; };
  report.latency = Over(result, kAll, latency);
  report.queue = Over(result, kAll, [](const BenchSample& sample) { return sample.queue; });
  report.preprocess =
      Over(result, kAll, [](const BenchSample& sample) { return sample.preprocess; });
  report.failure = PercentilesOf(failures);
  report.inference = Over(result, kAll, [](const BenchSample& sample) { return sample.inference; });
  for (size_t i = 0; i < load.sizes.size(); ++i) {
    report.by_size.emplace_back(absl::StrCat(load.sizes[i].height, "x", load.sizes[i].width),
                                Over(result, i, latency));
  }
  return report;
}

std::string BenchReport::ToText() const {
  std::string text =
      absl::StrFormat("%d images in %.1f s: %.1f images/s\n", ok, seconds, images_per_second);
  for (const auto& [reason, count] : failed) {
    absl::StrAppendFormat(&text, "%d failed: %s\n", count, reason);
  }
  absl::StrAppendFormat(&text, "%-12s %9s %9s %9s %9s %9s %9s\n", "ms", "mean", "p50", "p90", "p95",
                        "p99", "max");
  absl::StrAppend(&text, Row("latency", latency), Row("queue", queue),
                  Row("preprocess", preprocess), Row("inference", inference));
  for (const auto& [size, percentiles] : by_size) text += Row(size, percentiles);
  if (!failed.empty()) text += Row("failure", failure);
  return text;
}

std::string BenchReport::ToJson() const {
  const std::string failures = absl::StrJoin(failed, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, JsonString(entry.first), ": ", entry.second);
  });
  const std::string sizes = absl::StrJoin(by_size, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, JsonString(entry.first), ": ", Json(entry.second));
  });
  return absl::StrFormat(
      "{\"seconds\": %.3f, \"ok\": %d, \"images_per_second\": %.3f, \"failed\": {%s}, "
      "\"latency_ms\": %s, \"queue_ms\": %s, \"preprocess_ms\": %s, \"inference_ms\": %s, "
      "\"failure_ms\": %s, \"latency_ms_by_size\": {%s}}\n",
      seconds, ok, images_per_second, failures, Json(latency), Json(queue), Json(preprocess),
      Json(inference), Json(failure), sizes);
}

}  // namespace radio::client
