// radio.v1.FeatureService on gRPC's callback API.
#ifndef RADIO_SERVER_FEATURE_SERVICE_H_
#define RADIO_SERVER_FEATURE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "radio/v1/feature_service.grpc.pb.h"
#include "server/service_parts.h"

namespace radio::server {

// Thread-safe. No method blocks. Extract and ExtractStream see the bytes themselves: answers leave
// without a copy (response_encoder.h).
class FeatureService final
    : public v1::FeatureService::WithRawCallbackMethod_Extract<
          v1::FeatureService::WithRawCallbackMethod_ExtractStream<
              v1::FeatureService::WithCallbackMethod_ListModels<
                  v1::FeatureService::WithCallbackMethod_GetModel<v1::FeatureService::Service>>>> {
 public:
  FeatureService(ServiceParts parts, ServiceOptions options) : parts_(parts), options_(options) {}

  grpc::ServerUnaryReactor* Extract(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ExtractStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  const ServiceParts parts_;
  const ServiceOptions options_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_FEATURE_SERVICE_H_
