// What grpc.health.v1 says.
#ifndef RADIO_SERVER_HEALTH_H_
#define RADIO_SERVER_HEALTH_H_

#include <grpcpp/health_check_service_interface.h>

#include <string>
#include <vector>

namespace radio::server {

// Thread-safe.
class Health {
 public:
  // `service` is gRPC's and outlives this object. Until SetReady everything but "liveness" is
  // NOT_SERVING.
  Health(grpc::HealthCheckServiceInterface* service, std::vector<std::string> models);

  // "", the services' names, "readiness" and every model.
  void SetReady(bool ready);
  // One model: its device broke.
  void SetModelReady(const std::string& model, bool ready);

 private:
  grpc::HealthCheckServiceInterface* const service_;
  const std::vector<std::string> models_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_HEALTH_H_
