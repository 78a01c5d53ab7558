// Requests and answers of the Open Inference Protocol, checked field by field, to and from what the
// core takes and gives.
#ifndef RADIO_SERVER_INFERENCE_CONVERSION_H_
#define RADIO_SERVER_INFERENCE_CONVERSION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "inference/grpc_inference_service.pb.h"
#include "model/feature_extractor.h"
#include "model/model_registry.h"
#include "server/proto_conversion.h"
#include "server/wire_message.h"

namespace radio::server {

// What an answer needs to know of its request.
struct InferenceReply {
  struct Tensor {
    std::string name;
    // Index into ExtractRequest.outputs.
    size_t output = 0;
    // Features, else summary.
    bool features = false;
  };

  std::string id;
  std::shared_ptr<const ServedModel> model;
  // In the order of the answer.
  std::vector<Tensor> tensors;
  // Say that no other answer follows.
  bool mark_final = false;
};

struct InferenceRequest {
  // `deadline` and `cancel` are for the caller to set.
  ExtractRequest extract;
  InferenceReply reply;
  // How long the caller waits, beside the call's deadline.
  absl::Duration timeout = absl::InfiniteDuration();
};

// The core's request, or why it is refused as a whole, with the field's path: the protocol has no
// status for one image. REQUEST_INVALID, TENSOR_INVALID, IMAGE_UNDECODABLE (an empty file),
// TOO_MANY_ITEMS, OUTPUT_UNSUPPORTED with the valid names, MODEL_NOT_FOUND.
//
// Pixels and files are not copied, but for UINT8 in typed contents: they keep the message alive.
absl::StatusOr<InferenceRequest> ConvertInferenceRequest(
    std::shared_ptr<const inference::ModelInferRequest> message, const ModelRegistry& registry,
    const RequestLimits& limits);

// inference.ModelInferResponse. The results, in request order, are consumed. The first image's
// error is the request's; REQUEST_INVALID when features differ in shape, so that they form no
// tensor.
absl::StatusOr<WireMessage> EncodeInferenceResponse(const InferenceReply& reply,
                                                    std::vector<ItemResult> results);

// inference.ModelStreamInferResponse: an answer, or why there is none.
WireMessage EncodeInferenceStreamResponse(WireMessage response);
WireMessage EncodeInferenceStreamError(const InferenceReply& reply, const absl::Status& error);

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_CONVERSION_H_
