#include "server/extract_stream_call.h"

#include <algorithm>
#include <utility>

#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/caller.h"
#include "server/errors.h"

namespace radio::server {

std::shared_ptr<ExtractStreamCall> ExtractStreamCall::Create(Method method,
                                                             const ServiceParts& parts,
                                                             const ServiceOptions& options,
                                                             grpc::CallbackServerContext* context,
                                                             Protocol protocol) {
  std::shared_ptr<ExtractStreamCall> call(
      new ExtractStreamCall(method, parts, options, context, std::move(protocol)));
  call->self_ = call;
  return call;
}

ExtractStreamCall::ExtractStreamCall(Method method, const ServiceParts& parts,
                                     const ServiceOptions& options,
                                     grpc::CallbackServerContext* context, Protocol protocol)
    : parts_(parts),
      options_(options),
      context_(context),
      protocol_(std::move(protocol)),
      cancel_(std::make_shared<CancelToken>()),
      record_(method, parts, options, context) {}

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
    if (draining_ || half_closed_) handle = false;
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
  item->exchange = protocol_.make_exchange();
  absl::StatusOr<ExtractRequest> request = Prepare(item.get());
  if (item->exchange->ordered()) {
    MutexLock lock(&mutex_);
    ordered_.push_back(item);
  }
  if (!request.ok()) {
    record_.ItemAnswered(request.status());
    return ItemDone(item, std::move(request).status());
  }
  item->results.resize(request->images.size());
  item->missing.store(request->images.size(), std::memory_order_relaxed);
  parts_.extractor->Extract(*std::move(request), [this, item](size_t index, ItemResult result) {
    ImageDone(item, index, std::move(result));
  });
}

absl::StatusOr<ExtractRequest> ExtractStreamCall::Prepare(Item* item) {
  record_.RequestReceived(message_.Length());
  absl::StatusOr<ExtractRequest> request = item->exchange->Decode(&message_, &record_);
  if (!request.ok()) {
    record_.Rejected(request.status());
    return request;
  }
  request->deadline = std::min(DeadlineOf(*context_, options_, *parts_.clock),
                               parts_.clock->Now() + item->exchange->timeout());
  request->cancel = cancel_;
  request->client = ClientOf(*context_);
  request->priority = PriorityOf(*context_);
  RADIO_ASSIGN_OR_RETURN(item->permit, parts_.extractor->Admit(*request));
  return request;
}

void ExtractStreamCall::ImageDone(const std::shared_ptr<Item>& item, size_t index,
                                  ItemResult result) {
  record_.ItemAnswered(result.outputs.status());
  item->results[index] = std::move(result);
  if (item->missing.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  absl::StatusOr<WireMessage> message = item->exchange->Encode(std::move(item->results));
  if (message.ok()) {
    if (absl::Status sendable = CheckSendable(*message); !sendable.ok()) {
      message = std::move(sendable);
    }
  }
  ItemDone(item, std::move(message));
}

void ExtractStreamCall::ItemDone(const std::shared_ptr<Item>& item,
                                 absl::StatusOr<WireMessage> message) {
  const absl::Status status = message.status();
  if (!message.ok()) message = item->exchange->EncodeError(status);
  record_.ResponseSent(message->size());
  Answer answer{(*std::move(message)).ToByteBuffer(), std::move(item->permit)};
  Step step;
  {
    MutexLock lock(&mutex_);
    if (!status.ok() && protocol_.error_ends_call && status_.ok()) {
      status_ = status;
      half_closed_ = true;
      AddPushback(status, context_);
    }
    Enqueue(item, std::move(answer));
    step = NextStep();
  }
  Do(step);
}

void ExtractStreamCall::Enqueue(const std::shared_ptr<Item>& item, Answer answer) {
  if (!item->exchange->ordered()) {
    answers_.push_back(std::move(answer));
    return;
  }
  item->answer = std::move(answer);
  while (!ordered_.empty() && ordered_.front()->answer) {
    answers_.push_back(*std::move(ordered_.front()->answer));
    ordered_.pop_front();
  }
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
