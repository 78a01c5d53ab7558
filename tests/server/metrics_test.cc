#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/sampled_metrics.h"

namespace radio::server {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string Expose(const prometheus::Collectable& collectable) {
  return prometheus::TextSerializer().Serialize(collectable.Collect());
}

// The series, without their values.
std::set<std::string> SeriesOf(const std::string& text) {
  std::set<std::string> series;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line[0] != '#') series.insert(std::string(line.substr(0, line.rfind(' '))));
  }
  return series;
}

TEST(MetricTableTest, NamesFollowPrometheusConventions) {
  std::set<std::string> names;
  for (const MetricInfo& info : AllMetrics()) {
    const std::string name(info.name);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(absl::StartsWith(name, "radio_") || absl::StartsWith(name, "process_")) << name;
    EXPECT_EQ(info.type == MetricType::kCounter, absl::EndsWith(name, "_total")) << name;
    EXPECT_EQ(info.type == MetricType::kHistogram, !info.buckets.empty()) << name;
    EXPECT_FALSE(info.help.empty()) << name;
  }
}

TEST(MetricsTest, EverySeriesExistsFromTheStartAndNoneIsAdded) {
  Metrics metrics({"m"});
  const std::set<std::string> before = SeriesOf(Expose(*metrics.collectable()));
  EXPECT_THAT(before, Contains("radio_images_total{model=\"m\",outcome=\"expired\"}"));
  EXPECT_THAT(before, Contains("radio_rejected_total{model=\"other\",reason=\"MODEL_NOT_FOUND\"}"));
  for (int i = 0; i < 50; ++i) {
    const std::string model = absl::StrCat("hostile-", i);
    metrics.ImagesReceived(model, 1);
    metrics.ImageFinished(model, Outcome::kFailed, Reason::kInferenceFailed, {});
    metrics.BatchFinished(model, {});
    metrics.RequestStarted(Method::kExtract);
    metrics.RequestFinished(Method::kExtract, model, absl::StatusCode::kDataLoss, absl::Seconds(1));
    metrics.RequestRejected(model, Reason::kModelNotFound);
  }
  EXPECT_EQ(SeriesOf(Expose(*metrics.collectable())), before);
}

TEST(MetricsTest, ValuesLandInTheirOwnSeries) {
  Metrics metrics({"a", "b"});
  metrics.ImagesReceived("b", 3);
  metrics.ImageFinished("b", Outcome::kOk, std::nullopt,
                        {absl::Milliseconds(1), absl::Milliseconds(2), absl::Milliseconds(4)});
  metrics.ImageFinished("b", Outcome::kInvalid, Reason::kImageTooLarge, {});
  metrics.RequestStarted(Method::kExtractStream);
  metrics.RequestStarted(Method::kExtract);
  metrics.RequestFinished(Method::kExtract, "a", absl::StatusCode::kResourceExhausted,
                          absl::Milliseconds(20));
  metrics.RequestMessage(Method::kGetModel, 2000);
  metrics.ResponseMessage(Method::kGetModel, 5000);
  BatchReport report;
  report.images = 3;
  report.tokens = 700;
  report.cost = 30;
  report.max_cost = 100;
  report.duration = absl::Milliseconds(15);
  metrics.BatchFinished("a", report);

  const std::string text = Expose(*metrics.collectable());
  for (const char* line : {
           "radio_images_received_total{model=\"b\"} 3",
           "radio_images_received_total{model=\"a\"} 0",
           "radio_images_total{model=\"b\",outcome=\"ok\"} 1",
           "radio_images_total{model=\"b\",outcome=\"invalid\"} 1",
           "radio_rejected_total{model=\"b\",reason=\"IMAGE_TOO_LARGE\"} 1",
           "radio_stage_duration_seconds_sum{model=\"b\",stage=\"queue\"} 0.002",
           "radio_stage_duration_seconds_count{model=\"b\",stage=\"inference\"} 1",
           "radio_requests_started_total{method=\"ExtractStream\"} 1",
           "radio_requests_in_flight{method=\"ExtractStream\"} 1",
           "radio_requests_in_flight{method=\"Extract\"} 0",
           "radio_requests_total{grpc_code=\"RESOURCE_EXHAUSTED\",method=\"Extract\",model=\"a\"} "
           "1",
           "radio_request_size_bytes_sum{method=\"GetModel\"} 2000",
           "radio_response_size_bytes_sum{method=\"GetModel\"} 5000",
           "radio_batches_total{model=\"a\"} 1",
           "radio_tokens_total{model=\"a\"} 700",
           "radio_batch_fill_ratio_sum{model=\"a\"} 0.3",
           "radio_batch_images_sum{model=\"a\"} 3",
       }) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
}

TEST(MetricsTest, CountsFromManyThreadsAddUp) {
  Metrics metrics({"m"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        metrics.ImagesReceived("m", 1);
        metrics.ImageFinished("m", Outcome::kOk, std::nullopt, {});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = Expose(*metrics.collectable());
  EXPECT_THAT(text, HasSubstr("radio_images_received_total{model=\"m\"} 4000\n"));
  EXPECT_THAT(text, HasSubstr("radio_images_total{model=\"m\",outcome=\"ok\"} 4000\n"));
}

TEST(SampledMetricsTest, SourcesAreReadAtEachScrape) {
  double depth = 3;
  const SampledMetrics metrics({[&](std::vector<Sample>* samples) {
    samples->push_back({Metric::kQueueDepth, {"m"}, depth});
    samples->push_back({Metric::kQueueDepth, {"n"}, 1});
    samples->push_back({Metric::kLogMessages, {"info"}, 9});
  }});
  EXPECT_THAT(Expose(metrics), HasSubstr("radio_queue_depth{model=\"m\"} 3\n"));
  depth = 5;
  const std::string text = Expose(metrics);
  EXPECT_THAT(text, HasSubstr("radio_queue_depth{model=\"m\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("radio_queue_depth{model=\"n\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE radio_log_messages_total counter\n"));
  EXPECT_THAT(text, HasSubstr("radio_log_messages_total{level=\"info\"} 9\n"));
}

TEST(SampledMetricsTest, TheProcessReportsPlausibleFigures) {
  std::vector<Sample> samples;
  SampleProcess(&samples);
  std::map<Metric, double> values;
  for (const Sample& sample : samples) values[sample.metric] = sample.value;
  EXPECT_EQ(values.size(), 7u);
  EXPECT_GT(values[Metric::kProcessResidentMemory], 1e6);
  EXPECT_GE(values[Metric::kProcessVirtualMemory], values[Metric::kProcessResidentMemory]);
  EXPECT_GE(values[Metric::kProcessOpenFds], 3);
  EXPECT_GT(values[Metric::kProcessMaxFds], values[Metric::kProcessOpenFds]);
  EXPECT_GE(values[Metric::kProcessThreads], 1);
  EXPECT_GE(values[Metric::kProcessCpu], 0);
  // Some time after 2020.
  EXPECT_GT(values[Metric::kProcessStartTime], 1577836800);
}

}  // namespace
}  // namespace radio::server
