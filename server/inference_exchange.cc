#include "server/inference_exchange.h"

#include <memory>
#include <utility>

#include "model/base/status_macros.h"
#include "server/inference_metadata.h"
#include "server/message_parser.h"

namespace radio::server {

absl::StatusOr<ExtractRequest> InferenceExchange::Decode(grpc::ByteBuffer* message,
                                                         CallRecord* record) {
  auto parsed = std::make_shared<inference::ModelInferRequest>();
  RADIO_RETURN_IF_ERROR(ParseMessage(message, parsed.get()));
  reply_.id = parsed->id();
  if (const auto model = registry_->Find(parsed->model_name()); model.ok()) {
    record->SetModel((*model)->spec().name);
  }
  RADIO_ASSIGN_OR_RETURN(InferenceRequest request,
                         ConvertInferenceRequest(std::move(parsed), *registry_, *limits_));
  reply_ = std::move(request.reply);
  timeout_ = request.timeout;
  return std::move(request.extract);
}

absl::StatusOr<WireMessage> InferenceExchange::Encode(std::vector<ItemResult> results) {
  return EncodeInferenceResponse(reply_, std::move(results));
}

absl::StatusOr<WireMessage> InferenceStreamExchange::Encode(std::vector<ItemResult> results) {
  RADIO_ASSIGN_OR_RETURN(WireMessage response, exchange_.Encode(std::move(results)));
  return EncodeInferenceStreamResponse(std::move(response));
}

WireMessage InferenceStreamExchange::EncodeError(const absl::Status& error) {
  return EncodeInferenceStreamError(exchange_.reply(), error);
}

}  // namespace radio::server
