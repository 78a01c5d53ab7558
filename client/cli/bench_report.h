// What `radio bench` found, in numbers.
#ifndef RADIO_CLIENT_CLI_BENCH_REPORT_H_
#define RADIO_CLIENT_CLI_BENCH_REPORT_H_

#include <map>
#include <string>
#include <vector>

#include "client/cli/bench_load.h"

namespace radio::client {

// Milliseconds.
struct Percentiles {
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
};

// Nearest rank: the smallest value that at least p % of all values do not exceed. All zero for
// none.
Percentiles PercentilesOf(const std::vector<absl::Duration>& values);

struct BenchReport {
  double seconds = 0;
  double images_per_second = 0;
  // Good answers, and failures by reason (by code where there is none).
  size_t ok = 0;
  std::map<std::string, size_t> failed;
  // Of good answers: as the caller sees it, and what the server says of its parts.
  Percentiles latency;
  Percentiles queue;
  Percentiles preprocess;
  Percentiles inference;
  // How long failures took: a refusal should be quick.
  Percentiles failure;
  // Latency by size, "HxW" in the load's order.
  std::vector<std::pair<std::string, Percentiles>> by_size;

  std::string ToText() const;
  std::string ToJson() const;
};

BenchReport MakeReport(const BenchLoad& load, const BenchResult& result);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_BENCH_REPORT_H_
