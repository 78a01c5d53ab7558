#include "server/extract_stream_call.h"

#include <utility>

#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/caller.h"
#include "server/errors.h"
#include "server/message_parser.h"
#include "server/response_encoder.h"

namespace radio::server {

std::shared_ptr<ExtractStreamCall> ExtractStreamCall::Create(const ServiceParts& parts,
                                                             const ServiceOptions& options,
                                                             grpc::CallbackServerContext* context) {
  std::shared_ptr<ExtractStreamCall> call(new ExtractStreamCall(parts, options, context));
  call->self_ = call;
  return call;
}

ExtractStreamCall::ExtractStreamCall(const ServiceParts& parts, const ServiceOptions& options,
                                     grpc::CallbackServerContext* context)
    : parts_(parts),
      options_(options),
      context_(context),
      cancel_(std::make_shared<CancelToken>()),
      record_(Method::kExtractStream, parts, options, context) {}

void ExtractStreamCall::Start() {
  const absl::Status allowed = parts_.authenticator->Check(*context_);
  Step step;
  {
    MutexLock lock(&mutex_);
    if (!allowed.ok()) {
      record_.Rejected(allowed);
      status_ = allowed;
      half_closed_ = true;
    }
    step = NextStep();
  }
  Do(step);
}

void ExtractStreamCall::Drain() {
  Step step;
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    step = NextStep();
  }
  Do(step);
}

void ExtractStreamCall::OnReadDone(bool ok) {
  bool handle = ok;
  {
    MutexLock lock(&mutex_);
    if (!ok) half_closed_ = true;
    // A message that arrives while draining is left to another server.
    if (draining_) handle = false;
    if (handle) ++in_work_;
  }
  if (handle) HandleMessage();
  Step step;
  {
    MutexLock lock(&mutex_);
    reading_ = false;
    step = NextStep();
  }
  Do(step);
}

void ExtractStreamCall::HandleMessage() {
  auto item = std::make_shared<Item>();
  absl::StatusOr<ExtractRequest> request = Prepare(item.get());
  if (!request.ok()) {
    ItemResult refused;
    refused.outputs = std::move(request).status();
    return ItemDone(item, std::move(refused));
  }
  parts_.extractor->Extract(*std::move(request), [this, item](size_t, ItemResult result) {
    ItemDone(item, std::move(result));
  });
}

absl::StatusOr<ExtractRequest> ExtractStreamCall::Prepare(Item* item) {
  record_.RequestReceived(message_.Length());
  const auto convert = [&]() -> absl::StatusOr<ExtractRequest> {
    auto message = std::make_shared<v1::ExtractStreamRequest>();
    RADIO_RETURN_IF_ERROR(ParseMessage(&message_, message.get()));
    item->id = message->id();
    RADIO_ASSIGN_OR_RETURN(item->model, parts_.registry->Find(message->model()));
    record_.SetModel(item->model->spec().name);
    return ConvertRequest(std::move(message), *parts_.registry, options_.limits);
  };
  absl::StatusOr<ExtractRequest> request = convert();
  if (!request.ok()) {
    record_.Rejected(request.status());
    return request;
  }
  request->deadline = DeadlineOf(*context_, options_, *parts_.clock);
  request->cancel = cancel_;
  request->client = ClientOf(*context_);
  request->priority = PriorityOf(*context_);
  item->outputs = request->outputs;
  RADIO_ASSIGN_OR_RETURN(item->permit, parts_.extractor->Admit(*request));
  return request;
}

void ExtractStreamCall::ItemDone(const std::shared_ptr<Item>& item, ItemResult result) {
  record_.ItemAnswered(result.outputs.status());
  const ModelSpec* spec = item->model == nullptr ? nullptr : &item->model->spec();
  WireMessage message = EncodeStreamResponse({spec, &item->outputs}, item->id, std::move(result));
  record_.ResponseSent(message.size());
  Answer answer{std::move(message).ToByteBuffer(), std::move(item->permit)};
  Step step;
  {
    MutexLock lock(&mutex_);
    answers_.push_back(std::move(answer));
    step = NextStep();
  }
  Do(step);
}

void ExtractStreamCall::OnWriteDone(bool) {
  // A write that failed means that the client is gone: the next read says so.
  Step step;
  {
    MutexLock lock(&mutex_);
    answers_.pop_front();
    writing_ = false;
    --in_work_;
    step = NextStep();
  }
  Do(step);
}

ExtractStreamCall::Step ExtractStreamCall::NextStep() {
  Step step;
  if (finished_) return step;
  if (!writing_ && !answers_.empty()) {
    writing_ = true;
    step.write = &answers_.front().bytes;
  }
  const bool done_reading = half_closed_ || draining_;
  if (!done_reading && !reading_ && in_work_ < options_.max_stream_items) {
    reading_ = true;
    step.read = true;
  }
  if (done_reading && in_work_ == 0) {
    finished_ = true;
    step.finish = true;
    if (status_.ok() && draining_ && !half_closed_) {
      status_ = MakeError(Reason::kServerDraining, "the server is shutting down");
    }
  }
  return step;
}

void ExtractStreamCall::Do(const Step& step) {
  if (step.finish) {
    absl::Status status;
    {
      MutexLock lock(&mutex_);
      status = status_;
    }
    return Finish(ToGrpcStatus(status));
  }
  // The read first: while there is something to write, nothing can end the call.
  if (step.read) StartRead(&message_);
  if (step.write != nullptr) StartWrite(step.write);
}

void ExtractStreamCall::OnCancel() {
  CancelOrExpire(cancel_.get(), record_.start(), DeadlineOf(*context_, options_, *parts_.clock),
                 parts_.clock->Now());
}

void ExtractStreamCall::OnDone() {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    status = status_;
  }
  if (status.ok() && cancel_->expired()) {
    status = absl::DeadlineExceededError("the stream's deadline passed");
  } else if (status.ok() && cancel_->cancelled()) {
    status = absl::CancelledError("the caller went away");
  }
  record_.End(status);
  // Nothing of this may be touched afterwards.
  self_.reset();
}

}  // namespace radio::server
