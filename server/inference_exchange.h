// The Open Inference Protocol's requests and answers.
#ifndef RADIO_SERVER_INFERENCE_EXCHANGE_H_
#define RADIO_SERVER_INFERENCE_EXCHANGE_H_

#include <vector>

#include "server/exchange.h"
#include "server/inference_conversion.h"

namespace radio::server {

// ModelInferRequest and ModelInferResponse. `registry` and `limits` outlive the exchange.
class InferenceExchange : public Exchange {
 public:
  InferenceExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : registry_(registry), limits_(limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override;
  absl::Duration timeout() const override { return timeout_; }
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;

  // As far as Decode came.
  const InferenceReply& reply() const { return reply_; }

 private:
  const ModelRegistry* const registry_;
  const RequestLimits* const limits_;
  InferenceReply reply_;
  absl::Duration timeout_ = absl::InfiniteDuration();
};

// ModelInferRequest and ModelStreamInferResponse. Requests without an id are answered in order:
// their callers could not tell the answers apart.
class InferenceStreamExchange : public StreamExchange {
 public:
  InferenceStreamExchange(const ModelRegistry* registry, const RequestLimits* limits)
      : exchange_(registry, limits) {}

  absl::StatusOr<ExtractRequest> Decode(grpc::ByteBuffer* message, CallRecord* record) override {
    return exchange_.Decode(message, record);
  }
  absl::Duration timeout() const override { return exchange_.timeout(); }
  absl::StatusOr<WireMessage> Encode(std::vector<ItemResult> results) override;
  WireMessage EncodeError(const absl::Status& error) override;
  bool ordered() const override { return exchange_.reply().id.empty(); }

 private:
  InferenceExchange exchange_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_EXCHANGE_H_
