// Ends a gRPC server's connections without ending a call.
#ifndef RADIO_SERVER_CONNECTION_DRAIN_H_
#define RADIO_SERVER_CONNECTION_DRAIN_H_

#include <grpcpp/grpcpp.h>

#include "absl/time/time.h"

namespace radio::server {

// Closes the listening socket and tells every client (RFC 9113, section 6.8: GOAWAY) to send
// further calls elsewhere. Calls in work, and those that a client sent before it heard, go on as
// ever; a connection closes when its client has heard and its last call has ended. Blocks for a
// moment. `server` has started; its own Shutdown may follow.
void TurnClientsAway(grpc::Server* server);

// Blocks until no connection is open; false when `timeout` passed first.
bool WaitForConnections(grpc::Server* server, absl::Duration timeout);

}  // namespace radio::server

#endif  // RADIO_SERVER_CONNECTION_DRAIN_H_
