// What a call leaves behind: metrics and, when it failed, was slow or is a sample, a log line.
#ifndef RADIO_SERVER_CALL_RECORD_H_
#define RADIO_SERVER_CALL_RECORD_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/base/mutex.h"
#include "model/batching/task.h"
#include "server/call_identity.h"
#include "server/service_parts.h"

namespace radio::server {

// One per call, from its first byte to its end. Thread-safe.
class CallRecord {
 public:
  // `context` outlives the record.
  CallRecord(Method method, const ServiceParts& parts, const ServiceOptions& options,
             grpc::CallbackServerContext* context);
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  // The served model that the call turned out to be for; the first one counts.
  void SetModel(absl::string_view model);
  void RequestReceived(size_t bytes);
  void ResponseSent(size_t bytes);
  // An image is answered.
  void ItemAnswered(const absl::Status& status);
  // A request was refused as a whole.
  void Rejected(const absl::Status& status);

  absl::Time start() const { return start_; }

  // The call is over. Once.
  void End(const absl::Status& status);

 private:
  void WriteLogLine(const absl::Status& status, absl::Duration duration);

  const Method method_;
  const ServiceParts parts_;
  const absl::Duration slow_call_;
  const grpc::CallbackServerContext* const context_;
  const CallIdentity identity_;
  const absl::Time start_;
  const CallTracker::Period period_;

  Mutex mutex_;
  std::string model_ ABSL_GUARDED_BY(mutex_);
  int items_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_items_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status first_failure_ ABSL_GUARDED_BY(mutex_);
};

// Ends a call that needed no waiting.
grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context, CallRecord* record,
                                    const absl::Status& status);

// When, on `clock`, nobody waits for an answer any more: the call's deadline, the default where it
// has none, and never later than the maximum.
absl::Time DeadlineOf(const grpc::ServerContextBase& context, const ServiceOptions& options,
                      const Clock& clock);

// What gRPC's OnCancel means: gRPC cancels calls that are past their deadline too, and so do
// clients, some of them a little early.
void CancelOrExpire(CancelToken* token, absl::Time begin, absl::Time deadline, absl::Time now);

}  // namespace radio::server

#endif  // RADIO_SERVER_CALL_RECORD_H_
