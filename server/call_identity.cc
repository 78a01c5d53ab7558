#include "server/call_identity.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace radio::server {
namespace {

constexpr char kRequestId[] = "x-request-id";
constexpr char kTraceparent[] = "traceparent";
constexpr size_t kMaxRequestId = 128;
// "00-" + 32 + "-" + 16 + "-" + 2.
constexpr size_t kTraceparentLength = 55;
// Of the flags, those that say "sampled" and "the trace id is random"; others must not be passed
// on.
constexpr int kKnownFlags = 0x03;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

int HexDigit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// 16 hexadecimal digits, not all 0.
std::string RandomId() {
  thread_local std::mt19937_64 random{std::random_device()()};
  return absl::StrFormat("%016x", random() | 1);
}

absl::string_view Find(const grpc::ServerContextBase& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

}  // namespace

std::string TraceContext::ToTraceparent() const {
  return absl::StrCat("00-", trace_id, "-", span_id, "-", flags);
}

std::optional<TraceContext> ParseTraceparent(absl::string_view text) {
  if (text.size() < kTraceparentLength || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = text.substr(0, 2);
  const absl::string_view trace_id = text.substr(3, 32);
  const absl::string_view span_id = text.substr(36, 16);
  const absl::string_view flags = text.substr(53, 2);
  if (!IsHex(version) || !IsHex(trace_id) || !IsHex(span_id) || !IsHex(flags)) return std::nullopt;
  if (version == "ff" || IsZero(trace_id) || IsZero(span_id)) return std::nullopt;
  if (text.size() > kTraceparentLength && (version == "00" || text[kTraceparentLength] != '-')) {
    return std::nullopt;
  }
  TraceContext trace;
  trace.trace_id = std::string(trace_id);
  trace.span_id = std::string(span_id);
  trace.flags = absl::StrFormat("%02x", HexDigit(flags[1]) & kKnownFlags);
  return trace;
}

bool IsRequestId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestId &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

CallIdentity TakeIdentity(grpc::CallbackServerContext* context) {
  CallIdentity identity;
  const absl::string_view request_id = Find(*context, kRequestId);
  identity.request_id = IsRequestId(request_id) ? std::string(request_id) : RandomId() + RandomId();
  context->AddTrailingMetadata(kRequestId, identity.request_id);
  identity.trace = ParseTraceparent(Find(*context, kTraceparent));
  if (identity.trace.has_value()) {
    identity.trace->span_id = RandomId();
    context->AddTrailingMetadata(kTraceparent, identity.trace->ToTraceparent());
  }
  return identity;
}

}  // namespace radio::server
