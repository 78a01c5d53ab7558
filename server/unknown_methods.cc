#include "server/unknown_methods.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/errors.h"

namespace radio::server {
namespace {

constexpr size_t kMaxNameBytes = 128;

// Owns itself: deleted in OnDone, which gRPC calls last.
class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

 private:
  void OnDone() override { delete this; }
};

absl::string_view Instead(absl::string_view method) {
  if (!absl::StartsWith(method, "/inference.GRPCInferenceService/")) return "";
  if (absl::StrContains(method, "SharedMemory")) return ": tensors travel in the messages";
  if (absl::StrContains(method, "RepositoryModel")) {
    return ": the models are those of the server's configuration";
  }
  return "";
}

}  // namespace

absl::Status UnknownMethodError(absl::string_view method) {
  return absl::UnimplementedError(
      absl::StrCat("this server has no method ", method.substr(0, kMaxNameBytes), Instead(method)));
}

grpc::ServerGenericBidiReactor* UnknownMethods::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new Refusal(UnknownMethodError(context->method()));
}

}  // namespace radio::server
