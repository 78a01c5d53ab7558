// Methods that the server does not have.
#ifndef RADIO_SERVER_UNKNOWN_METHODS_H_
#define RADIO_SERVER_UNKNOWN_METHODS_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace radio::server {

// UNIMPLEMENTED, with what there is instead for methods of the Open Inference Protocol.
absl::Status UnknownMethodError(absl::string_view method);

// Answers calls of every method that no other service has. gRPC by itself would send an empty
// message, which Triton's C++ client takes for success.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_UNKNOWN_METHODS_H_
