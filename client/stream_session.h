// One connection of a FeatureStream: a single ExtractStream call.
#ifndef RADIO_CLIENT_STREAM_SESSION_H_
#define RADIO_CLIENT_STREAM_SESSION_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/transport.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "model/base/mutex.h"
#include "radio/v1/feature_service.grpc.pb.h"

namespace radio::client {

// Owns itself from Open until it has called OnClosed.
class StreamSession final
    : public grpc::ClientBidiReactor<v1::ExtractStreamRequest, v1::ExtractStreamResponse> {
 public:
  // Hears what happens, on gRPC threads, without any lock of the session held.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnWritten(StreamSession* session, bool ok) = 0;
    // The next message is read when this returns.
    virtual void OnAnswer(StreamSession* session,
                          std::shared_ptr<v1::ExtractStreamResponse> answer) = 0;
    // No more answers will come; OnClosed follows.
    virtual void OnReadsEnded(StreamSession* session) = 0;
    // The last call: the session is gone afterwards.
    virtual void OnClosed(StreamSession* session, const absl::Status& status) = 0;
  };

  // Starts the call.
  static StreamSession* Open(std::shared_ptr<Listener> listener, Transport* transport,
                             absl::Time opened, absl::Time deadline);

  // The methods below must be called under one lock of the listener's, and not after OnClosed.

  bool CanWrite() const { return writing_ == nullptr && !closed_; }
  // Needs CanWrite(). OnWritten follows.
  void Write(std::shared_ptr<const v1::ExtractStreamRequest> request);
  // To be called from OnWritten.
  void WriteFinished() { writing_ = nullptr; }
  // Half-closes if nothing is being written, and in any case accepts no more writes.
  void CloseWrites();
  void TryCancel() { context_->TryCancel(); }
  absl::Time opened() const { return opened_; }

 private:
  StreamSession(std::shared_ptr<Listener> listener, Transport* transport, absl::Time opened,
                absl::Time deadline);

  void ReadNext();
  void OnWriteDone(bool ok) override { listener_->OnWritten(this, ok); }
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // First, so that it is released last.
  const Transport::Use transport_;
  const std::shared_ptr<Listener> listener_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const absl::Time opened_;

  // Under the listener's lock. The session holds the call open while it may still write.
  std::shared_ptr<const v1::ExtractStreamRequest> writing_;
  bool closed_ = false;

  Mutex mutex_;
  std::shared_ptr<v1::ExtractStreamResponse> reading_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_STREAM_SESSION_H_
