#include "client/errors.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace radio::client {
namespace {

constexpr char kDomain[] = "radio.v1";
constexpr char kDetailsTrailer[] = "grpc-status-details-bin";
constexpr char kPushbackTrailer[] = "grpc-retry-pushback-ms";

std::string Trailer(const grpc::ClientContext& context, const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(name);
  return found == trailers.end() ? std::string()
                                 : std::string(found->second.data(), found->second.size());
}

void AddDetails(const google::rpc::Status& from, absl::Status* to) {
  for (const google::protobuf::Any& detail : from.details()) {
    to->SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
}

template <typename Message>
std::optional<Message> DetailOf(const absl::Status& status) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Message::descriptor()->full_name()));
  Message message;
  if (!payload.has_value() || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

}  // namespace

absl::Status ToStatus(const google::rpc::Status& status) {
  absl::Status result(static_cast<absl::StatusCode>(status.code()), status.message());
  AddDetails(status, &result);
  return result;
}

absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(Trailer(context, kDetailsTrailer))) AddDetails(details, &result);
  const std::string pushback = Trailer(context, kPushbackTrailer);
  if (!pushback.empty()) result.SetPayload(kPushbackTrailer, absl::Cord(pushback));
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  return info.has_value() && info->domain() == kDomain ? info->reason() : std::string();
}

std::optional<absl::Duration> PushbackOf(const absl::Status& status) {
  if (const auto trailer = status.GetPayload(kPushbackTrailer); trailer.has_value()) {
    int64_t milliseconds = 0;
    // gRPC's rule (proposal A6): negative or unreadable means "do not retry".
    if (!absl::SimpleAtoi(std::string(*trailer), &milliseconds) || milliseconds < 0) {
      return absl::InfiniteDuration();
    }
    return absl::Milliseconds(milliseconds);
  }
  if (const auto info = DetailOf<google::rpc::RetryInfo>(status); info.has_value()) {
    return std::max(absl::ZeroDuration(), absl::Seconds(info->retry_delay().seconds()) +
                                              absl::Nanoseconds(info->retry_delay().nanos()));
  }
  return std::nullopt;
}

std::string Describe(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return absl::StrCat(absl::StatusCodeToString(status.code()),
                      reason.empty() ? "" : absl::StrCat(" [", reason, "]"), ": ",
                      status.message());
}

}  // namespace radio::client
