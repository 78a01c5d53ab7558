#include "server/exchange.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio::server {
namespace {

// Protobuf reads no larger message.
constexpr size_t kMaxMessageBytes = std::numeric_limits<int32_t>::max();

}  // namespace

absl::Status CheckSendable(const WireMessage& message) {
  if (message.size() <= kMaxMessageBytes) return absl::OkStatus();
  return MakeError(Reason::kTooManyItems,
                   absl::StrCat("images: the answer has ", message.size(), " bytes, at most ",
                                kMaxMessageBytes, " can be sent; split the request"));
}

}  // namespace radio::server
