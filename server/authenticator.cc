#include "server/authenticator.h"

#include <openssl/crypto.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/errors.h"

namespace radio::server {
namespace {

// In constant time for tokens of one length; the length of a token is no secret.
bool Equal(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::vector<std::string> Authenticator::ParseTokens(absl::string_view text) {
  std::vector<std::string> tokens;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty() && line[0] != '#') tokens.emplace_back(line);
  }
  return tokens;
}

absl::Status Authenticator::Check(const grpc::ServerContextBase& context) const {
  if (tokens_.empty()) return absl::OkStatus();
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("authorization");
  if (it == metadata.end()) {
    return MakeError(Reason::kCredentialMissing,
                     "the call must carry the metadata \"authorization: Bearer TOKEN\"");
  }
  absl::string_view token(it->second.data(), it->second.size());
  bool accepted = false;
  if (absl::ConsumePrefix(&token, "Bearer ")) {
    for (const std::string& known : tokens_) accepted |= Equal(known, token);
  }
  return accepted ? absl::OkStatus()
                  : MakeError(Reason::kCredentialInvalid, "the call's token is not accepted");
}

}  // namespace radio::server
