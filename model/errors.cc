#include "model/errors.h"

#include <array>
#include <cstdlib>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace radio {
namespace {

using Code = absl::StatusCode;

constexpr absl::string_view kReasonUrl = "radio.v1/reason";
constexpr absl::string_view kRetryAfterUrl = "radio.v1/retry_after_ms";
constexpr absl::string_view kOutOfMemoryUrl = "radio.v1/out_of_memory";
constexpr absl::string_view kValidNamesUrl = "radio.v1/valid_names";
constexpr absl::string_view kFieldPathUrl = "radio.v1/field_path";

constexpr std::array<ReasonInfo, 21> kReasons = {{
    {Reason::kImageUndecodable, Code::kInvalidArgument, "IMAGE_UNDECODABLE",
     "The bytes are not a complete JPEG, PNG or WebP image."},
    {Reason::kImageTooLarge, Code::kInvalidArgument, "IMAGE_TOO_LARGE",
     "The image has more bytes, pixels or a longer side than the server's limits allow."},
    {Reason::kImageTooCostly, Code::kInvalidArgument, "IMAGE_TOO_COSTLY",
     "Decoding the image takes more CPU time than the server's limit allows."},
    {Reason::kResolutionUnsupported, Code::kInvalidArgument, "RESOLUTION_UNSUPPORTED",
     "The model does not take this size; the message names the nearest one, or ask for a resize."},
    {Reason::kTensorInvalid, Code::kInvalidArgument, "TENSOR_INVALID",
     "Shape, data type and bytes of a tensor do not fit each other or the model."},
    {Reason::kTooManyItems, Code::kInvalidArgument, "TOO_MANY_ITEMS",
     "The request holds more images than the server's limit; split it."},
    {Reason::kOutputUnsupported, Code::kInvalidArgument, "OUTPUT_UNSUPPORTED",
     "The adaptor has no such output, or the data type is none that outputs have."},
    {Reason::kRequestInvalid, Code::kInvalidArgument, "REQUEST_INVALID",
     "A field breaks its rule; BadRequest in the details names it."},
    {Reason::kModelNotFound, Code::kNotFound, "MODEL_NOT_FOUND",
     "No such model; the metadata lists the served ones."},
    {Reason::kAdaptorNotFound, Code::kNotFound, "ADAPTOR_NOT_FOUND",
     "The model has no such adaptor; the metadata lists those it has."},
    {Reason::kQueueFull, Code::kResourceExhausted, "QUEUE_FULL",
     "More work is waiting than can be done in time; retry after the pushback."},
    {Reason::kMemoryBudgetExceeded, Code::kResourceExhausted, "MEMORY_BUDGET_EXCEEDED",
     "Requests and responses in the server hold all the memory they may, or the device has none "
     "left for this image; retry after the pushback."},
    {Reason::kDeadlineUnmeetable, Code::kDeadlineExceeded, "DEADLINE_UNMEETABLE",
     "The work ahead would take longer than the deadline allows."},
    {Reason::kExpiredInQueue, Code::kDeadlineExceeded, "EXPIRED_IN_QUEUE",
     "The deadline passed before the image reached a batch, or is too close for it to be computed "
     "in time."},
    {Reason::kServerDraining, Code::kUnavailable, "SERVER_DRAINING",
     "The server is shutting down; retry, another one will answer."},
    {Reason::kModelLoading, Code::kUnavailable, "MODEL_LOADING",
     "The model is not ready yet; retry."},
    {Reason::kInferenceFailed, Code::kInternal, "INFERENCE_FAILED",
     "The model failed on this image."},
    {Reason::kNonFiniteOutput, Code::kInternal, "NON_FINITE_OUTPUT",
     "The model's answer to this image holds NaN or infinity."},
    {Reason::kDeviceError, Code::kInternal, "DEVICE_ERROR", "The accelerator failed."},
    {Reason::kCredentialMissing, Code::kUnauthenticated, "CREDENTIAL_MISSING",
     "The call carries no credential."},
    {Reason::kCredentialInvalid, Code::kPermissionDenied, "CREDENTIAL_INVALID",
     "The call's credential is not accepted."},
}};

std::string PayloadOf(const absl::Status& status, absl::string_view url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Span<const ReasonInfo> AllReasons() { return kReasons; }

const ReasonInfo& InfoOf(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

absl::Status MakeError(Reason reason, absl::string_view message) {
  absl::Status status(InfoOf(reason).code, message);
  status.SetPayload(kReasonUrl, absl::Cord(InfoOf(reason).name));
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const std::string name = PayloadOf(status, kReasonUrl);
  for (const ReasonInfo& info : kReasons) {
    if (info.name == name) return info.reason;
  }
  return std::nullopt;
}

void SetRetryAfter(absl::Status* status, absl::Duration delay) {
  status->SetPayload(kRetryAfterUrl, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(PayloadOf(status, kRetryAfterUrl), &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

void SetOutOfMemory(absl::Status* status) { status->SetPayload(kOutOfMemoryUrl, absl::Cord("1")); }

bool IsOutOfMemory(const absl::Status& status) {
  return status.GetPayload(kOutOfMemoryUrl).has_value();
}

void SetValidNames(absl::Status* status, absl::string_view names) {
  status->SetPayload(kValidNamesUrl, absl::Cord(names));
}

std::string ValidNamesOf(const absl::Status& status) { return PayloadOf(status, kValidNamesUrl); }

void SetFieldPath(absl::Status* status, absl::string_view path) {
  status->SetPayload(kFieldPathUrl, absl::Cord(path));
}

std::string FieldPathOf(const absl::Status& status) { return PayloadOf(status, kFieldPathUrl); }

}  // namespace radio
