#include "server/inference_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/extract_call.h"
#include "server/extract_stream_call.h"
#include "server/inference_exchange.h"
#include "server/inference_metadata.h"
#include "server/open_streams.h"

namespace radio::server {
namespace {

// Triton's clients send it to have a failed request end its stream.
bool WantsErrorsAsStatus(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("triton_grpc_error");
  return it != metadata.end() && it->second == "true";
}

}  // namespace

grpc::ServerUnaryReactor* InferenceService::ModelInfer(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  auto* call =
      new ExtractCall(Method::kModelInfer, parts_, options_, context, response,
                      std::make_unique<InferenceExchange>(parts_.registry, &options_.limits));
  // gRPC keeps the request until the call ends; emptying it halves what a large one costs.
  call->Start(const_cast<grpc::ByteBuffer*>(request));
  return call;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* InferenceService::ModelStreamInfer(
    grpc::CallbackServerContext* context) {
  ExtractStreamCall::Protocol protocol;
  protocol.make_exchange = [this] {
    return std::make_unique<InferenceStreamExchange>(parts_.registry, &options_.limits);
  };
  protocol.error_ends_call = WantsErrorsAsStatus(*context);
  const std::shared_ptr<ExtractStreamCall> call = ExtractStreamCall::Create(
      Method::kModelStreamInfer, parts_, options_, context, std::move(protocol));
  parts_.streams->Start(call);
  return call.get();
}

grpc::ServerUnaryReactor* InferenceService::Answer(
    Method method, grpc::CallbackServerContext* context,
    const std::function<absl::Status(CallRecord*)>& fill) {
  CallRecord record(method, parts_, options_, context);
  absl::Status status = parts_.authenticator->Check(*context);
  if (status.ok()) status = fill(&record);
  return FinishNow(context, &record, status);
}

template <typename Request>
grpc::ServerUnaryReactor* InferenceService::AnswerAbout(
    Method method, grpc::CallbackServerContext* context, const Request& request,
    const std::function<void(const ServedModel&)>& fill) {
  return Answer(method, context, [&](CallRecord* record) {
    const auto model = FindInferenceModel(*parts_.registry, request.name(), request.version());
    if (!model.ok()) return model.status();
    record->SetModel((*model)->spec().name);
    fill(**model);
    return absl::OkStatus();
  });
}

bool InferenceService::Ready(const ServedModel& model) const {
  return phase_() != Phase::kEnding && model.engine().healthy();
}

grpc::ServerUnaryReactor* InferenceService::ServerLive(grpc::CallbackServerContext* context,
                                                       const inference::ServerLiveRequest*,
                                                       inference::ServerLiveResponse* response) {
  return Answer(Method::kServerLive, context, [&](CallRecord*) {
    response->set_live(true);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(grpc::CallbackServerContext* context,
                                                        const inference::ServerReadyRequest*,
                                                        inference::ServerReadyResponse* response) {
  return Answer(Method::kServerReady, context, [&](CallRecord*) {
    response->set_ready(phase_() == Phase::kServing);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(grpc::CallbackServerContext* context,
                                                       const inference::ModelReadyRequest* request,
                                                       inference::ModelReadyResponse* response) {
  return Answer(Method::kModelReady, context, [&](CallRecord* record) {
    const auto model = FindInferenceModel(*parts_.registry, request->name(), request->version());
    // Whoever polls for a model to appear gets an answer, not an error.
    if (absl::IsNotFound(model.status()) || absl::IsUnavailable(model.status())) {
      return absl::OkStatus();
    }
    if (!model.ok()) return model.status();
    record->SetModel((*model)->spec().name);
    response->set_ready(Ready(**model));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(
    grpc::CallbackServerContext* context, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* response) {
  return Answer(Method::kServerMetadata, context, [&](CallRecord*) {
    *response = InferenceServerMetadata();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(
    grpc::CallbackServerContext* context, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* response) {
  return AnswerAbout(Method::kModelMetadata, context, *request, [&](const ServedModel& model) {
    *response = InferenceModelMetadata(model.spec());
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelConfig(
    grpc::CallbackServerContext* context, const inference::ModelConfigRequest* request,
    inference::ModelConfigResponse* response) {
  return AnswerAbout(Method::kModelConfig, context, *request, [&](const ServedModel& model) {
    *response->mutable_config() = InferenceModelConfig(model.spec(), options_.limits.max_images);
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelStatistics(
    grpc::CallbackServerContext* context, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  const auto add = [&](const ServedModel& model) {
    *response->add_model_stats() = statistics_->Of(model.spec().name);
  };
  if (!request->name().empty()) {
    return AnswerAbout(Method::kModelStatistics, context, *request, add);
  }
  return Answer(Method::kModelStatistics, context, [&](CallRecord*) {
    for (const auto& model : parts_.registry->models()) add(*model);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::RepositoryIndex(
    grpc::CallbackServerContext* context, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* response) {
  return Answer(Method::kRepositoryIndex, context, [&](CallRecord*) {
    for (const std::string& name : parts_.registry->names()) {
      const auto model = parts_.registry->Find(name);
      const bool ready = model.ok() && Ready(**model);
      if (request->ready() && !ready) continue;
      inference::RepositoryIndexResponse::ModelIndex* entry = response->add_models();
      entry->set_name(name);
      entry->set_version(std::string(kInferenceVersion));
      entry->set_state(ready ? "READY" : "UNAVAILABLE");
      if (!model.ok()) entry->set_reason("it is loading");
    }
    return absl::OkStatus();
  });
}

}  // namespace radio::server
