#include "server/inference_statistics.h"

#include <gtest/gtest.h>

#include "server/metrics_fan_out.h"
#include "tests/testing/fake_metrics.h"

namespace radio::server {
namespace {

constexpr Timings kTimings = {absl::Milliseconds(1), absl::Milliseconds(2), absl::Milliseconds(4)};

BatchReport Batch(int images, absl::Duration duration) {
  BatchReport report;
  report.images = images;
  report.duration = duration;
  return report;
}

TEST(InferenceStatisticsTest, AModelThatNobodyUsedHasZeros) {
  const inference::ModelStatistics message = InferenceStatistics().Of("m");
  EXPECT_EQ(message.name(), "m");
  // Clients read it as an integer.
  EXPECT_EQ(message.version(), "1");
  EXPECT_EQ(message.inference_count(), 0u);
  EXPECT_EQ(message.last_inference(), 0u);
  EXPECT_EQ(message.batch_stats_size(), 0);
}

TEST(InferenceStatisticsTest, ImagesAndBatchesAreCountedWithTheirTimes) {
  InferenceStatistics statistics([] { return absl::FromUnixMillis(1234567); });
  statistics.BatchFinished("m", Batch(2, absl::Milliseconds(4)));
  statistics.BatchFinished("m", Batch(2, absl::Milliseconds(6)));
  statistics.BatchFinished("m", Batch(1, absl::Milliseconds(3)));
  for (int i = 0; i < 5; ++i) statistics.ImageFinished("m", Outcome::kOk, {}, kTimings);
  const inference::ModelStatistics message = statistics.Of("m");
  EXPECT_EQ(message.last_inference(), 1234567u);
  EXPECT_EQ(message.inference_count(), 5u);
  EXPECT_EQ(message.execution_count(), 3u);
  const inference::InferStatistics& stages = message.inference_stats();
  EXPECT_EQ(stages.success().count(), 5u);
  EXPECT_EQ(stages.success().ns(), 35000000u);
  EXPECT_EQ(stages.compute_input().ns(), 5000000u);
  EXPECT_EQ(stages.queue().ns(), 10000000u);
  EXPECT_EQ(stages.queue().count(), 5u);
  EXPECT_EQ(stages.compute_infer().ns(), 20000000u);
  EXPECT_EQ(stages.fail().count(), 0u);
  ASSERT_EQ(message.batch_stats_size(), 2);
  EXPECT_EQ(message.batch_stats(1).batch_size(), 2u);
  EXPECT_EQ(message.batch_stats(1).compute_infer().count(), 2u);
  EXPECT_EQ(message.batch_stats(1).compute_infer().ns(), 10000000u);
  // Images of all batches are those that were inferred.
  uint64_t images = 0;
  for (const auto& batch : message.batch_stats()) {
    images += batch.batch_size() * batch.compute_infer().count();
  }
  EXPECT_EQ(images, message.inference_count());
}

TEST(InferenceStatisticsTest, EveryOtherOutcomeIsAFailure) {
  InferenceStatistics statistics;
  for (const Outcome outcome : {Outcome::kRejected, Outcome::kInvalid, Outcome::kFailed,
                                Outcome::kCancelled, Outcome::kExpired}) {
    statistics.ImageFinished("m", outcome, {}, Timings{});
  }
  EXPECT_EQ(statistics.Of("m").inference_stats().fail().count(), 5u);
  EXPECT_EQ(statistics.Of("m").inference_count(), 0u);
  EXPECT_EQ(statistics.Of("other").inference_stats().fail().count(), 0u);
}

TEST(MetricsFanOutTest, EverySinkHearsEverything) {
  FakeMetrics first;
  FakeMetrics second;
  MetricsFanOut sink({&first, &second});
  sink.ImagesReceived("m", 3);
  sink.ImageFinished("m", Outcome::kFailed, Reason::kDeviceError, kTimings);
  sink.BatchFinished("m", Batch(2, absl::Milliseconds(1)));
  for (const FakeMetrics* metrics : {&first, &second}) {
    EXPECT_EQ(metrics->received(), 3);
    EXPECT_EQ(metrics->finished(Outcome::kFailed), 1);
    ASSERT_EQ(metrics->batches().size(), 1u);
    EXPECT_EQ(metrics->batches()[0].images, 2);
  }
}

}  // namespace
}  // namespace radio::server
