#include "server/errors.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "model/errors.h"
#include "server/utf8.h"

namespace radio::server {
namespace {

// Errors travel in HTTP/2 headers, in several copies; clients accept 8 KiB of them.
constexpr size_t kMaxMessageBytes = 1024;

}  // namespace

std::string ReasonName(const absl::Status& status) {
  if (status.ok()) return "";
  const std::optional<Reason> reason = ReasonOf(status);
  return reason ? std::string(InfoOf(*reason).name) : absl::StatusCodeToString(status.code());
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  if (status.ok()) return result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(ToValidUtf8(status.message().substr(0, kMaxMessageBytes)));

  google::rpc::ErrorInfo info;
  info.set_domain(std::string(kErrorDomain));
  info.set_reason(ReasonName(status));
  if (const std::string names = ValidNamesOf(status); !names.empty()) {
    (*info.mutable_metadata())["valid_names"] =
        ToValidUtf8(absl::string_view(names).substr(0, kMaxMessageBytes));
  }
  result.add_details()->PackFrom(info);

  if (const std::string path = FieldPathOf(status); !path.empty()) {
    google::rpc::BadRequest bad_request;
    google::rpc::BadRequest::FieldViolation* violation = bad_request.add_field_violations();
    violation->set_field(ToValidUtf8(path));
    violation->set_description(result.message());
    result.add_details()->PackFrom(bad_request);
  }
  if (const std::optional<absl::Duration> delay = RetryAfterOf(status)) {
    google::rpc::RetryInfo retry;
    const int64_t milliseconds = absl::ToInt64Milliseconds(*delay);
    retry.mutable_retry_delay()->set_seconds(milliseconds / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(milliseconds % 1000 * 1000000));
    result.add_details()->PackFrom(retry);
  }
  return result;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status details = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

void AddPushback(const absl::Status& status, grpc::ServerContextBase* context) {
  if (const std::optional<absl::Duration> delay = RetryAfterOf(status)) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms",
                                 absl::StrCat(absl::ToInt64Milliseconds(*delay)));
  }
}

}  // namespace radio::server
