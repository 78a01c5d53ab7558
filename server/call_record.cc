#include "server/call_record.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "server/errors.h"

namespace radio::server {
namespace {

// A client's deadline passes earlier than what arrives of it: gRPC rounds timeouts up on the way,
// to two or three digits, and the way itself takes time.
constexpr double kDeadlineSlack = 0.05;
constexpr absl::Duration kMinDeadlineSlack = absl::Milliseconds(10);

// Errors of the server's own making deserve more attention than a caller's.
LogLevel LevelOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return LogLevel::kError;
    default:
      return LogLevel::kInfo;
  }
}

}  // namespace

CallRecord::CallRecord(Method method, const ServiceParts& parts, const ServiceOptions& options,
                       grpc::CallbackServerContext* context)
    : method_(method),
      parts_(parts),
      slow_call_(options.slow_call),
      context_(context),
      identity_(TakeIdentity(context)),
      start_(parts.clock->Now()),
      period_(parts.calls->Begin()) {
  parts_.metrics->RequestStarted(method_);
}

void CallRecord::SetModel(absl::string_view model) {
  MutexLock lock(&mutex_);
  if (model_.empty()) model_ = std::string(model);
}

void CallRecord::RequestReceived(size_t bytes) { parts_.metrics->RequestMessage(method_, bytes); }

void CallRecord::ResponseSent(size_t bytes) { parts_.metrics->ResponseMessage(method_, bytes); }

void CallRecord::ItemAnswered(const absl::Status& status) {
  if (parts_.load != nullptr) parts_.load->ImageAnswered(status);
  MutexLock lock(&mutex_);
  ++items_;
  if (status.ok()) return;
  if (failed_items_++ == 0) first_failure_ = status;
}

void CallRecord::Rejected(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (const std::optional<Reason> reason = ReasonOf(status)) {
    parts_.metrics->RequestRejected(model_, *reason);
  }
}

void CallRecord::End(const absl::Status& status) {
  const absl::Duration duration = parts_.clock->Now() - start_;
  {
    MutexLock lock(&mutex_);
    parts_.metrics->RequestFinished(method_, model_, status.code(), duration);
  }
  WriteLogLine(status, duration);
  parts_.calls->End(period_);
}

void CallRecord::WriteLogLine(const absl::Status& status, absl::Duration duration) {
  MutexLock lock(&mutex_);
  const bool failed = !status.ok() || failed_items_ > 0;
  const bool stream = method_ == Method::kExtractStream || method_ == Method::kModelStreamInfer;
  const bool slow = duration > slow_call_ && !stream;
  if (!failed && !slow && !parts_.logger->IsSample()) return;
  const absl::Status& cause = status.ok() ? first_failure_ : status;
  std::vector<LogField> fields = {{"request_id", identity_.request_id}};
  if (identity_.trace.has_value()) {
    fields.emplace_back("trace_id", identity_.trace->trace_id);
    fields.emplace_back("span_id", identity_.trace->span_id);
  }
  fields.insert(fields.end(), {{"method", NameOf(method_)},
                               {"model", model_},
                               {"peer", context_->peer()},
                               {"code", absl::StatusCodeToString(status.code())},
                               {"reason", ReasonName(cause)},
                               {"message", std::string(cause.message())},
                               {"images", items_},
                               {"failed_images", failed_items_},
                               {"duration_ms", absl::ToDoubleMilliseconds(duration)}});
  parts_.logger->LogLimited(LevelOf(cause),
                            failed ? "call failed"
                            : slow ? "slow call"
                                   : "call",
                            std::move(fields));
}

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context, CallRecord* record,
                                    const absl::Status& status) {
  if (!status.ok()) record->Rejected(status);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  record->End(status);
  return reactor;
}

absl::Time DeadlineOf(const grpc::ServerContextBase& context, const ServiceOptions& options,
                      const Clock& clock) {
  absl::Duration left = options.default_deadline;
  if (const auto deadline = context.deadline();
      deadline != std::chrono::system_clock::time_point::max()) {
    left = absl::FromChrono(deadline - std::chrono::system_clock::now());
  }
  return clock.Now() + std::min(left, options.max_deadline);
}

void CancelOrExpire(CancelToken* token, absl::Time begin, absl::Time deadline, absl::Time now) {
  const absl::Duration slack = std::max(kMinDeadlineSlack, (deadline - begin) * kDeadlineSlack);
  if (now + slack < deadline) {
    token->Cancel();
  } else {
    token->Expire();
  }
}

}  // namespace radio::server
