#include "server/connection_drain.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <future>
#include <thread>

#include "model/base/clock.h"

// What gRPC's core does first in its own shutdown, which fails the calls that arrive later. The
// library exports the steps; its installed headers leave them out (docs/adr/0004). A gRPC without
// them does not link.
namespace grpc_core {

class Server {
 public:
  void StopListening();
  void SendGoaways();
  bool HasOpenConnections();
};

}  // namespace grpc_core

namespace radio::server {
namespace {

constexpr std::chrono::milliseconds kPollInterval{5};

// The public handle is the core's object under another name.
grpc_core::Server* CoreOf(grpc::Server* server) {
  return reinterpret_cast<grpc_core::Server*>(server->c_server());
}

}  // namespace

void TurnClientsAway(grpc::Server* server) {
  // The core expects to be on a thread of gRPC's own, as an alarm's callback is.
  std::promise<void> done;
  grpc::Alarm alarm;
  alarm.Set(gpr_now(GPR_CLOCK_MONOTONIC), [&](bool) {
    CoreOf(server)->StopListening();
    CoreOf(server)->SendGoaways();
    done.set_value();
  });
  done.get_future().wait();
}

bool WaitForConnections(grpc::Server* server, absl::Duration timeout) {
  const absl::Time end = Clock::Real()->Now() + timeout;
  while (CoreOf(server)->HasOpenConnections()) {
    if (Clock::Real()->Now() >= end) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

}  // namespace radio::server
