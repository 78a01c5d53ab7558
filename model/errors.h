// The one table of error reasons: each has its status code and its name. Whoever returns an error
// names its reason; the edge, the metrics and the logs read it back.
#ifndef RADIO_MODEL_ERRORS_H_
#define RADIO_MODEL_ERRORS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace radio {

enum class Reason {
  kImageUndecodable,
  kImageTooLarge,
  kImageTooCostly,
  kResolutionUnsupported,
  kTensorInvalid,
  kTooManyItems,
  kOutputUnsupported,
  kRequestInvalid,
  kModelNotFound,
  kAdaptorNotFound,
  kQueueFull,
  kMemoryBudgetExceeded,
  kDeadlineUnmeetable,
  kExpiredInQueue,
  kServerDraining,
  kModelLoading,
  kInferenceFailed,
  kNonFiniteOutput,
  kDeviceError,
  kCredentialMissing,
  kCredentialInvalid,
};

struct ReasonInfo {
  Reason reason;
  absl::StatusCode code;
  // UPPER_SNAKE, as in google.rpc.ErrorInfo.
  absl::string_view name;
  // One sentence for docs/errors.md: when it occurs and what a caller can do.
  absl::string_view meaning;
};

// All reasons, in enum order.
absl::Span<const ReasonInfo> AllReasons();
const ReasonInfo& InfoOf(Reason reason);

// A status with the reason's code. `message` names the field, the rule and the value.
absl::Status MakeError(Reason reason, absl::string_view message);

// Nothing for an OK status, or for one that MakeError did not make (a cancelled call, say).
std::optional<Reason> ReasonOf(const absl::Status& status);

// When a refused caller may try again; carried by RESOURCE_EXHAUSTED errors.
void SetRetryAfter(absl::Status* status, absl::Duration delay);
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// Whether a batch failed for lack of memory: a smaller one may pass.
void SetOutOfMemory(absl::Status* status);
bool IsOutOfMemory(const absl::Status& status);

// Names a caller could have used, comma-separated; carried by NOT_FOUND errors.
void SetValidNames(absl::Status* status, absl::string_view names);
std::string ValidNamesOf(const absl::Status& status);

// The request field that broke a rule, e.g. "images[3].tensor.shape"; carried by INVALID_ARGUMENT
// errors of a request.
void SetFieldPath(absl::Status* status, absl::string_view path);
std::string FieldPathOf(const absl::Status& status);

}  // namespace radio

#endif  // RADIO_MODEL_ERRORS_H_
