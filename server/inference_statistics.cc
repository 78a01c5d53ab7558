#include "server/inference_statistics.h"

#include "server/inference_metadata.h"

namespace radio::server {

void InferenceStatistics::ImageFinished(absl::string_view model, Outcome outcome,
                                        std::optional<Reason>, const Timings& timings) {
  const absl::Duration total = timings.preprocess + timings.queue + timings.inference;
  MutexLock lock(&mutex_);
  Model& entry = models_[std::string(model)];
  if (outcome != Outcome::kOk) {
    entry.fail.Add(total);
    return;
  }
  entry.success.Add(total);
  entry.preprocess.Add(timings.preprocess);
  entry.queue.Add(timings.queue);
  entry.inference.Add(timings.inference);
}

void InferenceStatistics::BatchFinished(absl::string_view model, const BatchReport& report) {
  const absl::Time now = now_();
  MutexLock lock(&mutex_);
  Model& entry = models_[std::string(model)];
  entry.last_batch = now;
  ++entry.batches;
  entry.batches_by_size[report.images].Add(report.duration);
}

void InferenceStatistics::Write(const Total& total, inference::StatisticDuration* message) {
  message->set_count(total.count);
  message->set_ns(static_cast<uint64_t>(absl::ToInt64Nanoseconds(total.time)));
}

inference::ModelStatistics InferenceStatistics::Of(const std::string& model) const {
  Model entry;
  {
    MutexLock lock(&mutex_);
    if (const auto it = models_.find(model); it != models_.end()) entry = it->second;
  }
  inference::ModelStatistics message;
  message.set_name(model);
  message.set_version(std::string(kInferenceVersion));
  message.set_last_inference(static_cast<uint64_t>(absl::ToUnixMillis(entry.last_batch)));
  message.set_inference_count(entry.success.count);
  message.set_execution_count(entry.batches);
  inference::InferStatistics* statistics = message.mutable_inference_stats();
  Write(entry.success, statistics->mutable_success());
  Write(entry.fail, statistics->mutable_fail());
  Write(entry.queue, statistics->mutable_queue());
  Write(entry.preprocess, statistics->mutable_compute_input());
  Write(entry.inference, statistics->mutable_compute_infer());
  // Answers leave without a copy: nothing is computed for them after the batch.
  Write({entry.success.count, absl::ZeroDuration()}, statistics->mutable_compute_output());
  Write({}, statistics->mutable_cache_hit());
  Write({}, statistics->mutable_cache_miss());
  for (const auto& [images, total] : entry.batches_by_size) {
    inference::InferBatchStatistics* batch = message.add_batch_stats();
    batch->set_batch_size(static_cast<uint64_t>(images));
    // Images are prepared one by one, before they have a batch.
    Write({total.count, absl::ZeroDuration()}, batch->mutable_compute_input());
    Write(total, batch->mutable_compute_infer());
    Write({total.count, absl::ZeroDuration()}, batch->mutable_compute_output());
  }
  return message;
}

}  // namespace radio::server
