// One unary call with its deadline and its retries.
#ifndef RADIO_CLIENT_UNARY_CALL_H_
#define RADIO_CLIENT_UNARY_CALL_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/errors.h"
#include "client/transport.h"
#include "grpcpp/alarm.h"
#include "grpcpp/client_context.h"
#include "model/base/mutex.h"

namespace radio::client {

// Answers: the message, shared so that views into it can keep it alive.
template <typename Response>
using Done = std::function<void(absl::StatusOr<std::shared_ptr<const Response>>)>;

// Lives until `done` has been called: exactly once, on a gRPC thread. Thread-safe.
template <typename Response>
class UnaryCall : public std::enable_shared_from_this<UnaryCall<Response>> {
 public:
  // Makes one attempt: calls the function exactly once, never from within Start.
  using Start =
      std::function<void(grpc::ClientContext*, Response*, std::function<void(grpc::Status)>)>;

  static std::weak_ptr<UnaryCall> Run(Transport* transport, Start start, Done<Response> done) {
    const std::shared_ptr<UnaryCall> call(
        new UnaryCall(transport, std::move(start), std::move(done)));
    call->Attempt();
    return call;
  }

  // Ends the attempt that runs, and makes no other. Never calls `done` itself.
  void Cancel() {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    if (alarm_ != nullptr) alarm_->Cancel();
    context_->TryCancel();
  }

 private:
  UnaryCall(Transport* transport, Start start, Done<Response> done)
      : transport_(transport),
        start_(std::move(start)),
        done_(std::move(done)),
        deadline_(absl::Now() + transport_->options().deadline) {}

  void Attempt() {
    MutexLock lock(&mutex_);
    AttemptLocked();
  }

  void AttemptLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++attempts_;
    context_ = transport_->NewContext(deadline_);
    response_ = std::make_shared<Response>();
    start_(context_.get(), response_.get(),
           [call = this->shared_from_this()](const grpc::Status& status) { call->Finish(status); });
  }

  void AttemptAgain() {
    {
      MutexLock lock(&mutex_);
      if (!cancelled_) return AttemptLocked();
    }
    done_(absl::CancelledError("cancelled by the caller"));
  }

  void Finish(const grpc::Status& status) {
    absl::StatusOr<std::shared_ptr<const Response>> result = absl::UnknownError("");
    {
      MutexLock lock(&mutex_);
      if (status.ok()) {
        transport_->retry().OnSuccess();
        result = std::move(response_);
      } else {
        result = ToStatus(status, *context_);
        const auto delay = cancelled_ ? std::nullopt
                                      : transport_->retry().NextDelay(result.status(), attempts_,
                                                                      deadline_ - absl::Now());
        if (delay.has_value()) {
          // A new one: the last may still be returning from its callback.
          alarm_ = std::make_unique<grpc::Alarm>();
          alarm_->Set(absl::ToChronoTime(absl::Now() + *delay),
                      [call = this->shared_from_this()](bool) mutable {
                        std::exchange(call, nullptr)->AttemptAgain();
                      });
          return;
        }
      }
    }
    done_(std::move(result));
  }

  // First, so that it is released last.
  const Transport::Use transport_;
  const Start start_;
  const Done<Response> done_;
  const absl::Time deadline_;

  // One attempt runs at a time; the lock hands its state from thread to thread.
  Mutex mutex_;
  int attempts_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Response> response_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
};

// Runs `call(done)` and waits for what it passes to `done`.
template <typename Result>
Result Await(const std::function<void(std::function<void(Result)>)>& call) {
  struct Waiter {
    Mutex mutex;
    CondVar arrived;
    std::unique_ptr<Result> result;
  };
  auto waiter = std::make_shared<Waiter>();
  call([waiter](Result result) {
    MutexLock lock(&waiter->mutex);
    waiter->result = std::make_unique<Result>(std::move(result));
    waiter->arrived.SignalAll();
  });
  MutexLock lock(&waiter->mutex);
  while (waiter->result == nullptr) waiter->arrived.Wait(&waiter->mutex);
  return std::move(*waiter->result);
}

}  // namespace radio::client

#endif  // RADIO_CLIENT_UNARY_CALL_H_
