// radio.v1's requests and answers.
#ifndef RADIO_SERVER_EXTRACT_EXCHANGE_H_
#define RADIO_SERVER_EXTRACT_EXCHANGE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/exchange.h"
#include "server/proto_conversion.h"

namespace radio::server {

// ExtractRequest and ExtractResponse. `registry` and `limits` outlive the exchange.
class ExtractExchange : public Exchange {
 public:
  ExtractExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : registry_(registry), limits_(limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override;
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;

 private:
  const ModelRegistry* const registry_;
  const RequestLimits* const limits_;
  std::shared_ptr<const ServedModel> model_;
  std::vector<OutputRequest> outputs_;
};

// ExtractStreamRequest and ExtractStreamResponse: one image.
class ExtractStreamExchange : public StreamExchange {
 public:
  ExtractStreamExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : registry_(registry), limits_(limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override;
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;
  WireMessage EncodeError(const absl::Status& error) override;

 private:
  const ModelRegistry* const registry_;
  const RequestLimits* const limits_;
  std::string id_;
  std::shared_ptr<const ServedModel> model_;
  std::vector<OutputRequest> outputs_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_EXTRACT_EXCHANGE_H_
