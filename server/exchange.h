// What differs between the protocols that the same calls serve.
#ifndef RADIO_SERVER_EXCHANGE_H_
#define RADIO_SERVER_EXCHANGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/feature_extractor.h"
#include "server/call_record.h"
#include "server/wire_message.h"

namespace radio::server {

// One request and its answer in the messages of a protocol. Not thread-safe: Decode first, then,
// when the core is done, Encode.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The core's request, without `deadline` and `cancel`. `message` is emptied; `record` hears of
  // the model. An error concerns the whole request.
  virtual absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) = 0;
  // How long the request itself says that its caller waits.
  virtual absl::Duration timeout() const { return absl::InfiniteDuration(); }

  // The answer. The results, in request order, are consumed.
  virtual absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) = 0;
};

// The same for one request of a stream.
class StreamExchange : public Exchange {
 public:
  // The answer to a request that failed as a whole; Decode may have failed.
  virtual WireMessage EncodeError(const absl::Status& error) = 0;
  // Answers to such requests leave in the order in which the requests came.
  virtual bool ordered() const { return false; }
};

// TOO_MANY_ITEMS for an answer that is larger than any client could read.
absl::Status CheckSendable(const WireMessage& message);

}  // namespace radio::server

#endif  // RADIO_SERVER_EXCHANGE_H_
