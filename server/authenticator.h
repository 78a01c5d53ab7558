// Whether a call may be served: bearer tokens.
#ifndef RADIO_SERVER_AUTHENTICATOR_H_
#define RADIO_SERVER_AUTHENTICATOR_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace radio::server {

// Immutable, thread-safe.
class Authenticator {
 public:
  // Without tokens everybody is served.
  explicit Authenticator(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  // The tokens in the text of a file: one a line, blank lines and lines with # left out.
  static std::vector<std::string> ParseTokens(absl::string_view text);

  // OK, CREDENTIAL_MISSING without `authorization` metadata, CREDENTIAL_INVALID for any that is not
  // "Bearer " and a known token. Takes as long for a wrong token as for a right one.
  absl::Status Check(const grpc::ServerContextBase& context) const;

 private:
  const std::vector<std::string> tokens_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_AUTHENTICATOR_H_
