#include "server/caller.h"

#include <functional>
#include <string>

#include "absl/strings/match.h"

namespace radio::server {

ClientId ClientOf(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  std::string name;
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    for (const grpc::string_ref& identity : auth->GetPeerIdentity()) {
      name.assign(identity.data(), identity.size());
      break;
    }
  }
  if (name.empty()) name = std::string(WithoutPort(context.peer()));
  return std::hash<std::string>()(name);
}

absl::string_view WithoutPort(absl::string_view peer) {
  if (!absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:")) return peer;
  return peer.substr(0, peer.rfind(':'));
}

int PriorityOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("radio-priority");
  if (it == metadata.end() || it->second.size() != 1) return 0;
  const char digit = it->second.data()[0];
  return digit >= '1' && digit <= '3' ? digit - '0' : 0;
}

}  // namespace radio::server
