#include "server/sampled_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace radio::server {
namespace {

prometheus::MetricFamily EmptyFamily(const MetricInfo& info) {
  prometheus::MetricFamily family;
  family.name = std::string(info.name);
  family.help = std::string(info.help);
  family.type = info.type == MetricType::kCounter ? prometheus::MetricType::Counter
                                                  : prometheus::MetricType::Gauge;
  return family;
}

prometheus::ClientMetric ToClientMetric(const Sample& sample, const MetricInfo& info) {
  prometheus::ClientMetric metric;
  size_t i = 0;
  for (const absl::string_view label : absl::StrSplit(info.labels, ',', absl::SkipEmpty())) {
    metric.label.push_back({std::string(label), sample.label_values[i++]});
  }
  metric.counter.value = sample.value;
  metric.gauge.value = sample.value;
  return metric;
}

double CountOpenFds() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  // Neither ".", nor "..", nor the descriptor that reads the folder.
  return count - 3;
}

// Seconds since 1970 at which the machine booted.
double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    double seconds = 0;
    if (line.rfind("btime ", 0) == 0 && absl::SimpleAtod(line.substr(6), &seconds)) return seconds;
  }
  return 0;
}

}  // namespace

std::vector<prometheus::MetricFamily> SampledMetrics::Collect() const {
  std::vector<Sample> samples;
  for (const Source& source : sources_) source(&samples);
  std::map<Metric, prometheus::MetricFamily> families;
  for (const Sample& sample : samples) {
    const MetricInfo& info = InfoOf(sample.metric);
    const auto it = families.try_emplace(sample.metric, EmptyFamily(info)).first;
    it->second.metric.push_back(ToClientMetric(sample, info));
  }
  std::vector<prometheus::MetricFamily> result;
  for (auto& [metric, family] : families) result.push_back(std::move(family));
  return result;
}

void SampleProcess(std::vector<Sample>* samples) {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // The second field, the program's name in brackets, may hold anything.
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(text.rfind(')') + 1), ' ', absl::SkipEmpty());
  const auto field = [&](size_t number) {
    // Numbers as in proc(5); the first field after the name is the third.
    double value = 0;
    if (number - 3 < fields.size()) (void)absl::SimpleAtod(fields[number - 3], &value);
    return value;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const double boot_time = BootTime();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto add = [&](Metric metric, double value) { samples->push_back({metric, {}, value}); };
  add(Metric::kProcessCpu, (field(14) + field(15)) / ticks);
  add(Metric::kProcessThreads, field(20));
  add(Metric::kProcessStartTime, boot_time + field(22) / ticks);
  add(Metric::kProcessVirtualMemory, field(23));
  add(Metric::kProcessResidentMemory, field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  add(Metric::kProcessOpenFds, CountOpenFds());
  add(Metric::kProcessMaxFds, static_cast<double>(limit.rlim_cur));
}

}  // namespace radio::server
