#include "server/extract_exchange.h"

#include <utility>

#include "model/base/status_macros.h"
#include "server/message_parser.h"

namespace radio::server {

template <typename Message>
absl::StatusOr<ExtractRequest> ExtractTerms::Convert(std::shared_ptr<Message> parsed,
                                                     CallRecord* record) {
  RADIO_ASSIGN_OR_RETURN(model_, registry_->Find(parsed->model()));
  record->SetModel(model_->spec().name);
  RADIO_ASSIGN_OR_RETURN(ExtractRequest request,
                         ConvertRequest(std::move(parsed), *registry_, *limits_));
  outputs_ = request.outputs;
  return request;
}

absl::StatusOr<ExtractRequest> ExtractExchange::Decode(grpc::ByteBuffer* message,
                                                       CallRecord* record) {
  auto parsed = std::make_shared<v1::ExtractRequest>();
  RADIO_RETURN_IF_ERROR(ParseMessage(message, parsed.get()));
  return terms_.Convert(std::move(parsed), record);
}

absl::StatusOr<WireMessage> ExtractExchange::Encode(std::vector<ItemResult> results) {
  return EncodeResponse(terms_.context(), std::move(results));
}

absl::StatusOr<ExtractRequest> ExtractStreamExchange::Decode(grpc::ByteBuffer* message,
                                                             CallRecord* record) {
  auto parsed = std::make_shared<v1::ExtractStreamRequest>();
  RADIO_RETURN_IF_ERROR(ParseMessage(message, parsed.get()));
  id_ = parsed->id();
  return terms_.Convert(std::move(parsed), record);
}

absl::StatusOr<WireMessage> ExtractStreamExchange::Encode(std::vector<ItemResult> results) {
  return EncodeStreamResponse(terms_.context(), id_, std::move(results[0]));
}

WireMessage ExtractStreamExchange::EncodeError(const absl::Status& error) {
  ItemResult refused;
  refused.outputs = error;
  return EncodeStreamResponse({}, id_, std::move(refused));
}

}  // namespace radio::server
