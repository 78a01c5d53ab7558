// A metrics sink that counts.
#ifndef RADIO_TESTS_TESTING_FAKE_METRICS_H_
#define RADIO_TESTS_TESTING_FAKE_METRICS_H_

#include <map>
#include <vector>

#include "model/base/mutex.h"
#include "model/metrics_sink.h"

namespace radio {

// Thread-safe.
class FakeMetrics : public MetricsSink {
 public:
  void ImagesReceived(absl::string_view, int images) override {
    MutexLock lock(&mutex_);
    received_ += images;
  }
  void ImageFinished(absl::string_view, Outcome outcome, std::optional<Reason>,
                     const Timings&) override {
    MutexLock lock(&mutex_);
    ++finished_[outcome];
  }
  void BatchFinished(absl::string_view, const BatchReport& report) override {
    MutexLock lock(&mutex_);
    batches_.push_back(report);
  }

  int received() const {
    MutexLock lock(&mutex_);
    return received_;
  }
  int finished(Outcome outcome) const {
    MutexLock lock(&mutex_);
    const auto it = finished_.find(outcome);
    return it == finished_.end() ? 0 : it->second;
  }
  std::vector<BatchReport> batches() const {
    MutexLock lock(&mutex_);
    return batches_;
  }

 private:
  mutable Mutex mutex_;
  int received_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Outcome, int> finished_ ABSL_GUARDED_BY(mutex_);
  std::vector<BatchReport> batches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_FAKE_METRICS_H_
