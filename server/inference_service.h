// inference.GRPCInferenceService, the Open Inference Protocol, on gRPC's callback API.
#ifndef RADIO_SERVER_INFERENCE_SERVICE_H_
#define RADIO_SERVER_INFERENCE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <functional>

#include "absl/status/status.h"
#include "inference/grpc_inference_service.grpc.pb.h"
#include "server/call_record.h"
#include "server/inference_statistics.h"
#include "server/service_parts.h"

namespace radio::server {

// The methods that see the bytes themselves.
using RawInferenceMethods = inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
    inference::GRPCInferenceService::WithRawCallbackMethod_ModelStreamInfer<
        inference::GRPCInferenceService::Service>>;
// With those that ask for a state,
using InferenceStateMethods = inference::GRPCInferenceService::WithCallbackMethod_ServerLive<
    inference::GRPCInferenceService::WithCallbackMethod_ServerReady<
        inference::GRPCInferenceService::WithCallbackMethod_ModelReady<RawInferenceMethods>>>;
// and those that ask for facts.
using InferenceMethods = inference::GRPCInferenceService::WithCallbackMethod_ServerMetadata<
    inference::GRPCInferenceService::WithCallbackMethod_ModelMetadata<
        inference::GRPCInferenceService::WithCallbackMethod_ModelConfig<
            inference::GRPCInferenceService::WithCallbackMethod_ModelStatistics<
                inference::GRPCInferenceService::WithCallbackMethod_RepositoryIndex<
                    InferenceStateMethods>>>>>;

// Of the server's life.
enum class Phase { kLoading, kServing, kEnding };

// Thread-safe. No method blocks. Calls go the same way as those of FeatureService; what differs is
// in inference_exchange.h.
class InferenceService final : public InferenceMethods {
 public:
  // `statistics` outlives the service; `phase` is thread-safe.
  InferenceService(ServiceParts parts, ServiceOptions options,
                   const InferenceStatistics* statistics, std::function<Phase()> phase)
      : parts_(parts), options_(options), statistics_(statistics), phase_(std::move(phase)) {}

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ModelStreamInfer(
      grpc::CallbackServerContext* context) override;

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const inference::ServerLiveRequest* request,
                                       inference::ServerLiveResponse* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const inference::ServerReadyRequest* request,
                                        inference::ServerReadyResponse* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* response) override;

  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const inference::ServerMetadataRequest* request,
                                           inference::ServerMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* context,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* response) override;
  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext* context,
                                            const inference::ModelStatisticsRequest* request,
                                            inference::ModelStatisticsResponse* response) override;
  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext* context,
                                            const inference::RepositoryIndexRequest* request,
                                            inference::RepositoryIndexResponse* response) override;

 private:
  // A call that needs no core: `fill` makes the answer of one that may be served.
  grpc::ServerUnaryReactor* Answer(Method method, grpc::CallbackServerContext* context,
                                   const std::function<absl::Status(CallRecord*)>& fill);
  // The same about one model. `Request` has a name and a version.
  template <typename Request>
  grpc::ServerUnaryReactor* AnswerAbout(Method method, grpc::CallbackServerContext* context,
                                        const Request& request,
                                        const std::function<void(const ServedModel&)>& fill);
  bool Ready(const ServedModel& model) const;

  const ServiceParts parts_;
  const ServiceOptions options_;
  const InferenceStatistics* const statistics_;
  const std::function<Phase()> phase_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_SERVICE_H_
