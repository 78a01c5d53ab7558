#include "client/cli/bench_report.h"

#include <gtest/gtest.h>

namespace radio::client {
namespace {

TEST(BenchReportTest, PercentilesAreNearestRanks) {
  std::vector<absl::Duration> values;
  for (int i = 200; i >= 1; --i) values.push_back(absl::Milliseconds(i));
  const Percentiles p = PercentilesOf(values);
  EXPECT_EQ(p.p50, 100);
  EXPECT_EQ(p.p90, 180);
  EXPECT_EQ(p.p95, 190);
  EXPECT_EQ(p.p99, 198);
  EXPECT_EQ(p.max, 200);
  EXPECT_EQ(p.mean, 100.5);
}

TEST(BenchReportTest, OneValueIsEveryPercentileAndNoneIsZero) {
  const Percentiles one = PercentilesOf({absl::Milliseconds(7)});
  EXPECT_EQ(one.p50, 7);
  EXPECT_EQ(one.p99, 7);
  EXPECT_EQ(PercentilesOf({}).max, 0);
}

BenchSample Sample(size_t size, int milliseconds, absl::Status status = absl::OkStatus()) {
  BenchSample sample;
  sample.size = size;
  sample.latency = absl::Milliseconds(milliseconds);
  sample.status = std::move(status);
  sample.queue = absl::Milliseconds(1);
  return sample;
}

TEST(BenchReportTest, CountsFailuresApartAndSplitsBySize) {
  BenchLoad load;
  load.sizes = {{8, 16}, {32, 32}};
  BenchResult result;
  result.elapsed = absl::Seconds(2);
  result.samples = {Sample(0, 10), Sample(1, 30), Sample(0, 20),
                    Sample(1, 9000, absl::UnavailableError(""))};
  const BenchReport report = MakeReport(load, result);
  EXPECT_EQ(report.ok, 3);
  EXPECT_EQ(report.images_per_second, 1.5);
  EXPECT_EQ(report.failed.at("UNAVAILABLE"), 1);
  EXPECT_EQ(report.latency.max, 30) << "a failure's time is no latency";
  EXPECT_EQ(report.failure.p50, 9000);
  EXPECT_EQ(report.queue.p50, 1);
  ASSERT_EQ(report.by_size.size(), 2);
  EXPECT_EQ(report.by_size[0].first, "8x16");
  EXPECT_EQ(report.by_size[0].second.max, 20);
  EXPECT_EQ(report.by_size[1].second.max, 30);
}

}  // namespace
}  // namespace radio::client
