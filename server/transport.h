// gRPC's own settings: limits of connections, certificates.
#ifndef RADIO_SERVER_TRANSPORT_H_
#define RADIO_SERVER_TRANSPORT_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/statusor.h"
#include "config/server_config.pb.h"

namespace radio::server {

// Applies the limits to a builder.
void ApplyTransport(const config::Transport& transport, grpc::ServerBuilder* builder);

// Plaintext, or TLS from files that are watched. INVALID_ARGUMENT when certificate and key cannot
// be read or do not belong together. Blocks.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const config::ServerConfig& config);

}  // namespace radio::server

#endif  // RADIO_SERVER_TRANSPORT_H_
