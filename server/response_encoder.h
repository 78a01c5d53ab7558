// Answers as they travel, without a copy of the features.
#ifndef RADIO_SERVER_RESPONSE_ENCODER_H_
#define RADIO_SERVER_RESPONSE_ENCODER_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "model/feature_extractor.h"
#include "model/model_spec.h"
#include "model/types.h"
#include "server/wire_message.h"

namespace radio::server {

// What a request asked for, to read its results by.
struct ResponseContext {
  const ModelSpec* spec = nullptr;
  const std::vector<OutputRequest>* outputs = nullptr;
};

// radio.v1.ExtractResponse. The results, in request order, are consumed.
WireMessage EncodeResponse(const ResponseContext& context, std::vector<ItemResult> results);

// radio.v1.ExtractStreamResponse. `context` may be empty for a result that is an error.
WireMessage EncodeStreamResponse(const ResponseContext& context, absl::string_view id,
                                 ItemResult result);

}  // namespace radio::server

#endif  // RADIO_SERVER_RESPONSE_ENCODER_H_
