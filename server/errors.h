// Errors as they travel: absl::Status to google.rpc.Status and grpc::Status, with their details.
#ifndef RADIO_SERVER_ERRORS_H_
#define RADIO_SERVER_ERRORS_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace radio::server {

// google.rpc.ErrorInfo.domain of every error.
inline constexpr absl::string_view kErrorDomain = "radio.v1";

// The reason's name (model/errors.h), or the code's for a status without one ("CANCELLED"); empty
// for OK.
std::string ReasonName(const absl::Status& status);

// Code, message and details: ErrorInfo always; BadRequest when the status names a field; RetryInfo
// when it says when to retry. An OK status gives an empty message. The text is valid UTF-8 whatever
// the status holds.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The same as the end of a call: the details travel in `grpc-status-details-bin`.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Adds the trailer `grpc-retry-pushback-ms` when the status says when to retry. Call it before the
// call is finished.
void AddPushback(const absl::Status& status, grpc::ServerContextBase* context);

}  // namespace radio::server

#endif  // RADIO_SERVER_ERRORS_H_
