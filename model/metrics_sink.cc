#include "model/metrics_sink.h"

namespace radio {

Outcome OutcomeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Outcome::kOk;
    case absl::StatusCode::kCancelled:
      return Outcome::kCancelled;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return Outcome::kInvalid;
    case absl::StatusCode::kDeadlineExceeded:
      return ReasonOf(status) == Reason::kDeadlineUnmeetable ? Outcome::kRejected
                                                             : Outcome::kExpired;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return Outcome::kRejected;
    default:
      return Outcome::kFailed;
  }
}

}  // namespace radio
