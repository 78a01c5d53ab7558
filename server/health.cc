#include "server/health.h"

#include <utility>

namespace radio::server {

Health::Health(grpc::HealthCheckServiceInterface* service, std::vector<std::string> models)
    : service_(service), models_(std::move(models)) {
  service_->SetServingStatus("liveness", true);
  SetReady(false);
}

void Health::SetReady(bool ready) {
  service_->SetServingStatus("", ready);
  for (const char* name : {"radio.v1.FeatureService", "inference.GRPCInferenceService"}) {
    service_->SetServingStatus(name, ready);
  }
  service_->SetServingStatus("readiness", ready);
  for (const std::string& model : models_) SetModelReady(model, ready);
}

void Health::SetModelReady(const std::string& model, bool ready) {
  service_->SetServingStatus(model, ready);
}

}  // namespace radio::server
