// The images of a request of the Open Inference Protocol.
#ifndef RADIO_SERVER_INFERENCE_INPUTS_H_
#define RADIO_SERVER_INFERENCE_INPUTS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "inference/grpc_inference_service.pb.h"
#include "model/preprocess/preprocessor.h"

namespace radio::server {

// One entry for each image of the one input, all of them OK (the type is the core's). Bytes are
// shared with `message`, but for UINT8 in typed contents. `conditioned`: float tensors are
// normalised already. REQUEST_INVALID, TENSOR_INVALID, TOO_MANY_ITEMS or, for an empty file,
// IMAGE_UNDECODABLE, with the field's path.
absl::StatusOr<std::vector<absl::StatusOr<ImageSource>>> ReadInferenceImages(
    std::shared_ptr<const inference::ModelInferRequest> message, bool conditioned, int max_images);

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_INPUTS_H_
