// Notices engines that will not work again.
#ifndef RADIO_SERVER_WATCHDOG_H_
#define RADIO_SERVER_WATCHDOG_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "model/base/mutex.h"
#include "server/monitored_engine.h"

namespace radio::server {

// What the process exits with: a supervisor can tell them apart.
enum class Trouble { kDeviceError = 71, kHungBatch = 72 };

// What is wrong with an engine now: it says itself that its device is beyond use, or a run has been
// awaited for longer than `max_run` (MonitoredEngine::running_for). Pure but for reading the
// engine.
std::optional<Trouble> Diagnose(const MonitoredEngine& engine, absl::Duration max_run);

// A thread that looks at every engine a few times a second. Makes no call to any device.
class Watchdog {
 public:
  struct Watched {
    std::string model;
    // Outlives the watchdog.
    const MonitoredEngine* engine;
  };
  // Called once, on the watchdog's thread, for the first trouble; nothing is watched afterwards.
  using OnTrouble = std::function<void(const std::string& model, Trouble trouble)>;

  Watchdog(std::vector<Watched> engines, absl::Duration max_run, OnTrouble on_trouble);
  // Waits for the thread.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Loop();

  const std::vector<Watched> engines_;
  const absl::Duration max_run_;
  const OnTrouble on_trouble_;
  Mutex mutex_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_WATCHDOG_H_
