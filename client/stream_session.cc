#include "client/stream_session.h"

#include "client/errors.h"

namespace radio::client {

StreamSession* StreamSession::Open(std::shared_ptr<Listener> listener, Transport* transport,
                                   absl::Time opened, absl::Time deadline) {
  auto* session = new StreamSession(std::move(listener), transport, opened, deadline);
  transport->features()->ExtractStream(session->context_.get(), session);
  session->AddHold();
  session->ReadNext();
  session->StartCall();
  return session;
}

StreamSession::StreamSession(std::shared_ptr<Listener> listener, Transport* transport,
                             absl::Time opened, absl::Time deadline)
    : transport_(transport),
      listener_(std::move(listener)),
      context_(transport->NewContext(deadline)),
      opened_(opened) {}

void StreamSession::Write(std::shared_ptr<const v1::ExtractStreamRequest> request) {
  writing_ = std::move(request);
  StartWrite(writing_.get());
}

void StreamSession::CloseWrites() {
  if (closed_) return;
  closed_ = true;
  if (writing_ == nullptr) StartWritesDone();
  RemoveHold();
}

void StreamSession::ReadNext() {
  MutexLock lock(&mutex_);
  reading_ = std::make_shared<v1::ExtractStreamResponse>();
  StartRead(reading_.get());
}

void StreamSession::OnReadDone(bool ok) {
  if (!ok) return listener_->OnReadsEnded(this);
  std::shared_ptr<v1::ExtractStreamResponse> answer;
  {
    MutexLock lock(&mutex_);
    answer = std::move(reading_);
  }
  listener_->OnAnswer(this, std::move(answer));
  ReadNext();
}

void StreamSession::OnDone(const grpc::Status& status) {
  const std::shared_ptr<Listener> listener = listener_;
  listener->OnClosed(this, ToStatus(status, *context_));
  delete this;
}

}  // namespace radio::client
