// Requests as they travel, checked field by field, to what the core takes.
#ifndef RADIO_SERVER_PROTO_CONVERSION_H_
#define RADIO_SERVER_PROTO_CONVERSION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/feature_extractor.h"
#include "model/model_registry.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::server {

struct RequestLimits {
  int max_images = 256;
  int max_outputs = 64;
};

// The core's request; `deadline` and `cancel` are for the caller to set. What is wrong with one
// image is that image's status. What is wrong with the whole is the error: REQUEST_INVALID,
// TOO_MANY_ITEMS, MODEL_NOT_FOUND, ADAPTOR_NOT_FOUND or OUTPUT_UNSUPPORTED, with the field's path.
//
// Pixels and files are not copied: they keep the message alive.
absl::StatusOr<ExtractRequest> ConvertRequest(std::shared_ptr<const v1::ExtractRequest> message,
                                              const ModelRegistry& registry,
                                              const RequestLimits& limits);

// The same for one image of a stream.
absl::StatusOr<ExtractRequest> ConvertRequest(
    std::shared_ptr<const v1::ExtractStreamRequest> message, const ModelRegistry& registry,
    const RequestLimits& limits);

}  // namespace radio::server

#endif  // RADIO_SERVER_PROTO_CONVERSION_H_
