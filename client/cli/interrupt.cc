#include "client/cli/interrupt.h"

#include <unistd.h>

#include <utility>

#include "client/cli/command.h"

namespace radio::client {
namespace {

// Wakes the thread up to end.
constexpr int kEnd = SIGUSR1;

void Wait(sigset_t signals, const std::function<void()>& on_first) {
  bool interrupted = false;
  for (int signal = 0; sigwait(&signals, &signal) == 0 && signal != kEnd;) {
    if (interrupted) _exit(kExitFailed);
    interrupted = true;
    on_first();
  }
}

}  // namespace

HeldSignals::HeldSignals() {
  sigemptyset(&signals_);
  for (int signal : {SIGINT, SIGTERM, kEnd}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &previous_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

Interrupt::Interrupt(const HeldSignals& signals, std::function<void()> on_first)
    : thread_(Wait, signals.set(), std::move(on_first)) {}

Interrupt::~Interrupt() {
  pthread_kill(thread_.native_handle(), kEnd);
  thread_.join();
}

}  // namespace radio::client
