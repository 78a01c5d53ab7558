// An engine that can be asked how long it has been running without an end, and how long at all.
#ifndef RADIO_SERVER_MONITORED_ENGINE_H_
#define RADIO_SERVER_MONITORED_ENGINE_H_

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
    Begin();
    auto results = engine_->Run(batch);
    End();
    return results;
  }
  int overlapping_runs() const override { return engine_->overlapping_runs(); }
  void ReleaseMemory() override { engine_->ReleaseMemory(); }
  DeviceMemory device_memory() const override { return engine_->device_memory(); }
  bool healthy() const override { return engine_->healthy(); }
  std::string description() const override { return engine_->description(); }

  // How long a run has been awaited: since the last one ended, or since the first began on an idle
  // engine. Zero between runs. Never blocks.
  absl::Duration running_for() const {
    MutexLock lock(&mutex_);
    return RunningFor();
  }
  // For how long there was a run, the present ones included; runs that overlap count once. Never
  // blocks.
  absl::Duration busy() const {
    MutexLock lock(&mutex_);
    return busy_ + RunningFor();
  }

 private:
  void Begin() {
    MutexLock lock(&mutex_);
    if (runs_++ == 0) awaited_since_ = clock_->Now();
  }
  void End() {
    MutexLock lock(&mutex_);
    const absl::Duration awaited = RunningFor();
    busy_ += awaited;
    awaited_since_ += awaited;
    --runs_;
  }
  absl::Duration RunningFor() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return runs_ == 0 ? absl::ZeroDuration() : clock_->Now() - awaited_since_;
  }

  const std::unique_ptr<Engine> engine_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  // Going on now.
  int runs_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time awaited_since_ ABSL_GUARDED_BY(mutex_);
  // Up to the last end.
  absl::Duration busy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_MONITORED_ENGINE_H_
