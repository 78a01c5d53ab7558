// An engine that can be asked how long its current run has been going on, and how long all of them.
#ifndef RADIO_SERVER_MONITORED_ENGINE_H_
#define RADIO_SERVER_MONITORED_ENGINE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/engine/engine.h"

namespace radio::server {

// Passes everything on to another engine. Thread-safe.
class MonitoredEngine : public Engine {
 public:
  // `clock` outlives the engine.
  MonitoredEngine(std::unique_ptr<Engine> engine, const Clock* clock)
      : engine_(std::move(engine)), clock_(clock) {}

  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) override {
    Begin(clock_->Now());
    auto results = engine_->Run(batch);
    End(clock_->Now());
    return results;
  }
  int overlapping_runs() const override { return engine_->overlapping_runs(); }
  void ReleaseMemory() override { engine_->ReleaseMemory(); }
  DeviceMemory device_memory() const override { return engine_->device_memory(); }
  bool healthy() const override { return engine_->healthy(); }
  std::string description() const override { return engine_->description(); }

  // Zero between runs. Never blocks.
  absl::Duration running_for() const {
    MutexLock lock(&mutex_);
    return RunningFor();
  }
  // Sum over all runs, the current one included. Never blocks.
  absl::Duration busy() const {
    MutexLock lock(&mutex_);
    return ended_runs_ + RunningFor();
  }

 private:
  void Begin(absl::Time now) {
    MutexLock lock(&mutex_);
    running_since_ = now;
  }
  void End(absl::Time now) {
    MutexLock lock(&mutex_);
    ended_runs_ += now - running_since_;
    running_since_ = absl::InfiniteFuture();
  }
  absl::Duration RunningFor() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::max(clock_->Now() - running_since_, absl::ZeroDuration());
  }

  const std::unique_ptr<Engine> engine_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  absl::Time running_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Duration ended_runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_MONITORED_ENGINE_H_
