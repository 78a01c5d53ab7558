// The whole server, built from its configuration.
#ifndef RADIO_SERVER_SERVER_H_
#define RADIO_SERVER_SERVER_H_

#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "config/server_config.pb.h"
#include "server/model_loader.h"

namespace radio::server {

// Thread-safe, but for destruction.
class Server {
 public:
  // Listens, with every model still to be loaded: health says SERVING for "liveness" only, calls
  // are refused with MODEL_LOADING, metrics are served. `config` keeps its rules
  // (config/validate.h). INVALID_ARGUMENT when anything does not fit; UNAVAILABLE when an address
  // cannot be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(
      const config::ServerConfig& config, std::function<void(int)> exit_process = _exit);

  // Loads and proves the models one after the other, each of which serves from then on, then says
  // SERVING. The loading's own error, naming the model, when one does not fit: then the server is
  // of no use. Blocks for as long as loading takes. Once. After Shutdown nothing says SERVING
  // again.
  //
  // When a device is beyond use (71) or a batch hangs (72; see watchdog.h), readiness turns false,
  // calls get what time there is to end, and `exit_process` is called with the code, on another
  // thread.
  absl::Status LoadModels(const EngineFactory& make_engine);

  // Both.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const config::ServerConfig& config, const EngineFactory& make_engine,
      std::function<void(int)> exit_process = _exit);
  // Shuts down when nobody did, then cuts off what is left.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // host:port with the port that is really in use.
  const std::string& grpc_address() const;
  // Empty without a metrics endpoint.
  const std::string& metrics_address() const;

  // Health says NOT_SERVING; calls are taken as before. For good.
  void LeaveService();

  // LeaveService; after drain_delay_ms nobody can connect any more and clients are told to call
  // elsewhere; what they sent before they heard is answered, what comes after half a second is
  // refused with UNAVAILABLE; calls in work end, or drain_timeout_ms passes. Blocks until then.
  // True when every call ended by itself. Later calls return at once.
  //
  // Connections with calls that did not end stay open until the process ends or the server is
  // destroyed: gRPC answers calls that meet its own shutdown with CANCELLED, which nobody retries,
  // while a closed connection is UNAVAILABLE.
  bool Shutdown();

 private:
  class State;

  explicit Server(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_SERVER_H_
