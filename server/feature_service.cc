#include "server/feature_service.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call_record.h"
#include "server/extract_call.h"
#include "server/extract_exchange.h"
#include "server/extract_stream_call.h"
#include "server/model_messages.h"
#include "server/open_streams.h"

namespace radio::server {
namespace {

v1::Model ToMessage(const ServedModel& model) {
  return ModelMessage(model.spec(), model.engine().healthy());
}

}  // namespace

grpc::ServerUnaryReactor* FeatureService::Extract(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call =
      new ExtractCall(Method::kExtract, parts_, options_, context, response,
                      std::make_unique<ExtractExchange>(parts_.registry, &options_.limits));
  // gRPC keeps the request until the call ends; emptying it halves what a large one costs.
  call->Start(const_cast<grpc::ByteBuffer*>(request));
  return call;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* FeatureService::ExtractStream(
    grpc::CallbackServerContext* context) {
  ExtractStreamCall::Protocol protocol;
  protocol.make_exchange = [this] {
    return std::make_unique<ExtractStreamExchange>(parts_.registry, &options_.limits);
  };
  const std::shared_ptr<ExtractStreamCall> call = ExtractStreamCall::Create(
      Method::kExtractStream, parts_, options_, context, std::move(protocol));
  parts_.streams->Start(call);
  return call.get();
}

grpc::ServerUnaryReactor* FeatureService::ListModels(grpc::CallbackServerContext* context,
                                                     const v1::ListModelsRequest*,
                                                     v1::ListModelsResponse* response) {
  CallRecord record(Method::kListModels, parts_, options_, context);
  const absl::Status allowed = parts_.authenticator->Check(*context);
  if (allowed.ok()) {
    for (const auto& model : parts_.registry->models()) *response->add_models() = ToMessage(*model);
  }
  return FinishNow(context, &record, allowed);
}

grpc::ServerUnaryReactor* FeatureService::GetModel(grpc::CallbackServerContext* context,
                                                   const v1::GetModelRequest* request,
                                                   v1::GetModelResponse* response) {
  CallRecord record(Method::kGetModel, parts_, options_, context);
  absl::Status status = parts_.authenticator->Check(*context);
  if (status.ok()) {
    const absl::StatusOr<std::shared_ptr<const ServedModel>> model =
        parts_.registry->Find(request->model());
    status = model.status();
    if (model.ok()) {
      record.SetModel((*model)->spec().name);
      *response->mutable_model() = ToMessage(**model);
    }
  }
  return FinishNow(context, &record, status);
}

}  // namespace radio::server
