#include "server/feature_service.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call_record.h"
#include "server/errors.h"
#include "server/extract_call.h"
#include "server/model_messages.h"

namespace radio::server {
namespace {

// Ends a call that needed no waiting.
grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context, CallRecord* record,
                                    const absl::Status& status) {
  if (!status.ok()) record->Rejected(status);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  record->End(status);
  return reactor;
}

v1::Model ToMessage(const ServedModel& model) {
  return ModelMessage(model.spec(), model.engine().healthy());
}

}  // namespace

grpc::ServerUnaryReactor* FeatureService::Extract(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new ExtractCall(parts_, options_, context, response);
  // gRPC keeps the request until the call ends; emptying it halves what a large one costs.
  call->Start(const_cast<grpc::ByteBuffer*>(request));
  return call;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* FeatureService::ExtractStream(
    grpc::CallbackServerContext* context) {
  const std::shared_ptr<ExtractStreamCall> call =
      ExtractStreamCall::Create(parts_, options_, context);
  bool draining = false;
  {
    MutexLock lock(&mutex_);
    draining = draining_;
    streams_.remove_if([](const auto& stream) { return stream.expired(); });
    streams_.push_back(call);
  }
  if (draining) {
    call->Drain();
  } else {
    call->Start();
  }
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

void FeatureService::DrainStreams() {
  std::list<std::weak_ptr<ExtractStreamCall>> streams;
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    streams.swap(streams_);
  }
  // Outside the lock: a stream may end at once, on this thread.
  for (const auto& stream : streams) {
    if (const std::shared_ptr<ExtractStreamCall> call = stream.lock()) call->Drain();
  }
}

}  // namespace radio::server
