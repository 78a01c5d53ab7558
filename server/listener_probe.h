// Notices a listener that accepts no more connections while the process lives: gRPC 1.51.1 stops
// for good when it runs out of file descriptors (CVE-2023-4785).
#ifndef RADIO_SERVER_LISTENER_PROBE_H_
#define RADIO_SERVER_LISTENER_PROBE_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/base/mutex.h"

namespace radio::server {

// Connects to `address`, host:port as listened on, says hello in HTTP/2 or, with `tls`, in TLS, and
// waits for any answer. Blocks for up to `timeout`. UNAVAILABLE: nobody answers. Any other error:
// this process could not try (no file descriptor left, say), which tells nothing.
absl::Status ProbeListener(const std::string& address, bool tls, absl::Duration timeout);

// Probes a listener every `interval` on a thread of its own; calls `on_dead` there, once, after
// three probes in a row without an answer.
class ListenerProbe {
 public:
  ListenerProbe(std::string address, bool tls, absl::Duration interval,
                std::function<void()> on_dead);
  // Waits for the thread, for as long as a probe takes.
  ~ListenerProbe();
  ListenerProbe(const ListenerProbe&) = delete;
  ListenerProbe& operator=(const ListenerProbe&) = delete;

 private:
  void Loop();

  const std::string address_;
  const bool tls_;
  const absl::Duration interval_;
  const std::function<void()> on_dead_;
  Mutex mutex_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_LISTENER_PROBE_H_
