#include "server/main/signals.h"

#include <unistd.h>

#include <thread>

namespace radio::server {

SignalWaiter::SignalWaiter() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  // A scraper or a client that hangs up must not end the server.
  signal(SIGPIPE, SIG_IGN);
}

void SignalWaiter::Wait() {
  int number = 0;
  while (sigwait(&signals_, &number) != 0) {
  }
}

void SignalWaiter::ExitOnNext(absl::Duration timeout) {
  std::thread([signals = signals_, timeout] {
    const timespec limit = absl::ToTimespec(timeout);
    const int number = sigtimedwait(&signals, nullptr, &limit);
    _exit(number > 0 ? 128 + number : kExitDrainTimeout);
  }).detach();
}

}  // namespace radio::server
