#include "server/watchdog.h"

#include <pthread.h>

#include <utility>

namespace radio::server {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(100);

}  // namespace

std::optional<Trouble> Diagnose(const MonitoredEngine& engine, absl::Duration max_run) {
  if (!engine.healthy()) return Trouble::kDeviceError;
  if (engine.running_for() > max_run) return Trouble::kHungBatch;
  return std::nullopt;
}

Watchdog::Watchdog(std::vector<Watched> engines, absl::Duration max_run, OnTrouble on_trouble)
    : engines_(std::move(engines)),
      max_run_(max_run),
      on_trouble_(std::move(on_trouble)),
      thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), "watchdog");
}

Watchdog::~Watchdog() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  stop_changed_.SignalAll();
  thread_.join();
}

void Watchdog::Loop() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stop_) stop_changed_.WaitFor(&mutex_, kInterval);
      if (stop_) return;
    }
    for (const Watched& watched : engines_) {
      if (const std::optional<Trouble> trouble = Diagnose(*watched.engine, max_run_)) {
        return on_trouble_(watched.model, *trouble);
      }
    }
  }
}

}  // namespace radio::server
