#include "server/extract_call.h"

#include <algorithm>
#include <utility>

#include "model/base/status_macros.h"
#include "server/caller.h"
#include "server/errors.h"

namespace radio::server {

ExtractCall::ExtractCall(Method method, const ServiceParts& parts, const ServiceOptions& options,
                         grpc::CallbackServerContext* context, grpc::ByteBuffer* response,
                         std::unique_ptr<Exchange> exchange)
    : parts_(parts),
      context_(context),
      response_(response),
      deadline_(DeadlineOf(*context, options, *parts.clock)),
      cancel_(std::make_shared<CancelToken>()),
      record_(method, parts, options, context),
      exchange_(std::move(exchange)) {}

void ExtractCall::Start(grpc::ByteBuffer* request) {
  absl::StatusOr<ExtractRequest> prepared = Prepare(request);
  if (!prepared.ok()) return FinishWith(std::move(prepared).status());
  results_.resize(prepared->images.size());
  missing_.store(prepared->images.size(), std::memory_order_relaxed);
  // Results may come, and end the call, before this returns.
  parts_.extractor->Extract(*std::move(prepared), [this](size_t index, ItemResult result) {
    ItemDone(index, std::move(result));
  });
}

absl::StatusOr<ExtractRequest> ExtractCall::Prepare(grpc::ByteBuffer* buffer) {
  record_.RequestReceived(buffer->Length());
  const auto convert = [&]() -> absl::StatusOr<ExtractRequest> {
    RADIO_RETURN_IF_ERROR(parts_.authenticator->Check(*context_));
    no_message_ = !buffer->Valid();
    return exchange_->Decode(buffer, &record_);
  };
  absl::StatusOr<ExtractRequest> request = convert();
  if (!request.ok()) {
    if (!no_message_) record_.Rejected(request.status());
    return request;
  }
  well_formed_ = true;
  request->deadline = std::min(deadline_, parts_.clock->Now() + exchange_->timeout());
  request->cancel = cancel_;
  request->client = ClientOf(*context_);
  request->priority = PriorityOf(*context_);
  RADIO_ASSIGN_OR_RETURN(permit_, parts_.extractor->Admit(*request));
  return request;
}

void ExtractCall::ItemDone(size_t index, ItemResult result) {
  record_.ItemAnswered(result.outputs.status());
  results_[index] = std::move(result);
  if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) Respond();
}

void ExtractCall::Respond() {
  // Nobody would read it; what the status says goes to the metrics only.
  if (cancel_->expired()) return FinishWith(absl::DeadlineExceededError("the answer was late"));
  if (cancel_->cancelled()) return FinishWith(absl::CancelledError("the caller went away"));
  absl::StatusOr<WireMessage> message = exchange_->Encode(std::move(results_));
  if (!message.ok()) return FinishWith(std::move(message).status());
  if (absl::Status sendable = CheckSendable(*message); !sendable.ok()) {
    return FinishWith(std::move(sendable));
  }
  record_.ResponseSent(message->size());
  *response_ = (*std::move(message)).ToByteBuffer();
  FinishWith(absl::OkStatus());
}

void ExtractCall::FinishWith(absl::Status status) {
  AddPushback(status, context_);
  // Not to callers who are refused for what they ask, or for who they are.
  if (parts_.load != nullptr && well_formed_) {
    context_->AddTrailingMetadata(std::string(kLoadTrailer), parts_.load->Report());
  }
  status_ = std::move(status);
  Finish(ToGrpcStatus(status_));
}

void ExtractCall::OnCancel() {
  CancelOrExpire(cancel_.get(), record_.start(), deadline_, parts_.clock->Now());
}

void ExtractCall::OnDone() {
  if ((status_.ok() || no_message_) && context_->IsCancelled()) {
    status_ = cancel_->expired() ? absl::DeadlineExceededError("the answer was late")
                                 : absl::CancelledError("the caller went away");
  } else if (no_message_) {
    record_.Rejected(status_);
  }
  // The server may be gone as soon as the record has ended.
  permit_ = AdmissionPermit();
  exchange_.reset();
  record_.End(status_);
  delete this;
}

}  // namespace radio::server
