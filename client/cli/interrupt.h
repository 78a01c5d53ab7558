// Ctrl-C and SIGTERM for a command that has something to put in order.
#ifndef RADIO_CLIENT_CLI_INTERRUPT_H_
#define RADIO_CLIENT_CLI_INTERRUPT_H_

#include <signal.h>

#include <functional>
#include <thread>

namespace radio::client {

// Holds SIGINT and SIGTERM back while it lives. Make it before any other thread starts: threads
// inherit the signal mask.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  const sigset_t& set() const { return signals_; }

 private:
  sigset_t signals_;
  sigset_t previous_;
};

// While it lives, the first of the held signals calls `on_first` on a thread of its own, and the
// second ends the process at once. A signal that came before counts.
class Interrupt {
 public:
  Interrupt(const HeldSignals& signals, std::function<void()> on_first);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  std::thread thread_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_INTERRUPT_H_
