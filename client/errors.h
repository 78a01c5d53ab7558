// The service's errors as absl::Status: the gRPC code and message, and every google.rpc detail as a
// payload under its type URL.
#ifndef RADIO_CLIENT_ERRORS_H_
#define RADIO_CLIENT_ERRORS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace radio::client {

// Of one image, or of anything else that carries its status in a message.
absl::Status ToStatus(const google::rpc::Status& status);

// Of a finished call; `context` gives the details and the pushback from its trailers.
absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context);

// The service's reason, e.g. "QUEUE_FULL" (docs/errors.md lists them); empty when the error did not
// come from the service, e.g. when no connection could be made.
std::string ReasonOf(const absl::Status& status);

// When the server wants the caller back. Nothing unless it said so; InfiniteDuration when it said
// "do not retry".
std::optional<absl::Duration> PushbackOf(const absl::Status& status);

// "INVALID_ARGUMENT [RESOLUTION_UNSUPPORTED]: images[0]: ..." for people.
std::string Describe(const absl::Status& status);

}  // namespace radio::client

#endif  // RADIO_CLIENT_ERRORS_H_
