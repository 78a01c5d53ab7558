// SIGTERM and SIGINT as something to wait for.
#ifndef RADIO_SERVER_MAIN_SIGNALS_H_
#define RADIO_SERVER_MAIN_SIGNALS_H_

#include <signal.h>

#include "absl/time/time.h"

namespace radio::server {

// What the process exits with when the drain did not end in its time.
inline constexpr int kExitDrainTimeout = 73;

// Create it before any thread exists: signals are blocked in this thread and in those it starts.
class SignalWaiter {
 public:
  SignalWaiter();

  // Blocks until SIGTERM or SIGINT.
  void Wait();

  // From now on a further signal ends the process at once with 128 + its number, and so does, with
  // kExitDrainTimeout, `timeout`: whatever hangs then will not end by itself.
  void ExitOnNext(absl::Duration timeout);

 private:
  sigset_t signals_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_MAIN_SIGNALS_H_
