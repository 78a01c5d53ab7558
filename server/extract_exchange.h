// radio.v1's requests and answers.
#ifndef RADIO_SERVER_EXTRACT_EXCHANGE_H_
#define RADIO_SERVER_EXTRACT_EXCHANGE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/exchange.h"
#include "server/proto_conversion.h"
#include "server/response_encoder.h"

namespace radio::server {

// What a request and its answer have in common, whichever message holds them. `registry` and
// `limits` outlive it.
class ExtractTerms {
 public:
  ExtractTerms(const ModelRegistry* registry, const RequestLimits* limits)
      : registry_(registry), limits_(limits) {}

  // The core's request; `record` hears of the model. `Message` is a request of radio.v1.
  template <typename Message>
  absl::StatusOr<ExtractRequest> Convert(std::shared_ptr<Message> parsed, CallRecord* record);
  // After Convert, for the answer.
  ResponseContext context() const { return {&model_->spec(), &outputs_}; }

 private:
  const ModelRegistry* const registry_;
  const RequestLimits* const limits_;
  std::shared_ptr<const ServedModel> model_;
  std::vector<OutputRequest> outputs_;
};

// ExtractRequest and ExtractResponse.
class ExtractExchange : public Exchange {
 public:
  ExtractExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : terms_(registry, limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override;
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;

 private:
  ExtractTerms terms_;
};

// ExtractStreamRequest and ExtractStreamResponse: one image.
class ExtractStreamExchange : public StreamExchange {
 public:
  ExtractStreamExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : terms_(registry, limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override;
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;
  WireMessage EncodeError(const absl::Status& error) override;

 private:
  ExtractTerms terms_;
  std::string id_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_EXTRACT_EXCHANGE_H_
