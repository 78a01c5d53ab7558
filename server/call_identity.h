// What ties the log lines of caller, proxy and server about one call together.
#ifndef RADIO_SERVER_CALL_IDENTITY_H_
#define RADIO_SERVER_CALL_IDENTITY_H_

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace radio::server {

// A position in a distributed trace, as W3C Trace Context writes it: lower-case hexadecimal.
struct TraceContext {
  std::string trace_id;  // 32 digits, not all 0
  std::string span_id;   // 16 digits, not all 0
  std::string flags;     // 2 digits

  // Of version 00.
  std::string ToTraceparent() const;
};

// Nothing when the text is not a traceparent; of later versions, the part that 00 has too. Pure.
std::optional<TraceContext> ParseTraceparent(absl::string_view text);

// 1 to 128 printable ASCII characters, no spaces.
bool IsRequestId(absl::string_view text);

struct CallIdentity {
  // The caller's x-request-id, or one made up here when it sent none, or none that is allowed.
  std::string request_id;
  // The caller's trace with a span of this call's own. Nothing when it sent none that is valid.
  std::optional<TraceContext> trace;
};

// Reads the metadata `x-request-id` and `traceparent` of a call, and sends both back in its
// trailing metadata. Not in the initial one: a refusal without that is a single block of headers,
// and only there does Envoy look for the code that makes it try another server.
CallIdentity TakeIdentity(grpc::CallbackServerContext* context);

}  // namespace radio::server

#endif  // RADIO_SERVER_CALL_IDENTITY_H_
