// What ModelStatistics of the Open Inference Protocol says.
#ifndef RADIO_SERVER_INFERENCE_STATISTICS_H_
#define RADIO_SERVER_INFERENCE_STATISTICS_H_

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "inference/grpc_inference_service.pb.h"
#include "model/base/mutex.h"
#include "model/metrics_sink.h"

namespace radio::server {

// Counts and times of every model since the start, for callers of all protocols: they share the
// batches. Successes, failures and their times are counted in images. Thread-safe; a call takes a
// short lock.
class InferenceStatistics : public MetricsSink {
 public:
  // `now`: the date.
  explicit InferenceStatistics(std::function<absl::Time()> now = absl::Now)
      : now_(std::move(now)) {}

  void ImagesReceived(absl::string_view, int) override {}
  void ImageFinished(absl::string_view model, Outcome outcome, std::optional<Reason> reason,
                     const Timings& timings) override;
  void BatchFinished(absl::string_view model, const BatchReport& report) override;

  // Zeros for a model that nobody has used.
  inference::ModelStatistics Of(const std::string& model) const;

 private:
  struct Total {
    uint64_t count = 0;
    absl::Duration time;

    void Add(absl::Duration duration) {
      ++count;
      time += duration;
    }
  };
  struct Model {
    Total success, fail, preprocess, queue, inference;
    absl::Time last_batch = absl::UnixEpoch();
    uint64_t batches = 0;
    // By the number of images.
    std::map<int, Total> batches_by_size;
  };

  static void Write(const Total& total, inference::StatisticDuration* message);

  const std::function<absl::Time()> now_;
  mutable Mutex mutex_;
  std::map<std::string, Model, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_STATISTICS_H_
