// The options that a request of the Open Inference Protocol carries in its parameters; their table
// is in docs/open_inference.md.
#ifndef RADIO_SERVER_INFERENCE_PARAMETERS_H_
#define RADIO_SERVER_INFERENCE_PARAMETERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/map.h"
#include "inference/grpc_inference_service.pb.h"
#include "model/preprocess/preprocessor.h"
#include "model/types.h"

namespace radio::server {

using InferenceParameterMap = google::protobuf::Map<std::string, inference::InferParameter>;

// How an output is written.
struct InferenceOutputOptions {
  FeatureLayout layout = FeatureLayout::kNlc;
  DataType data_type = DataType::kFloat32;
  bool l2_normalize = false;
};

struct InferenceOptions {
  ResizeOptions resize;
  bool conditioned = false;
  // Of every output that says nothing else.
  InferenceOutputOptions output;
  // How long the caller waits, beside the call's deadline.
  absl::Duration timeout = absl::InfiniteDuration();
  // Answers of a stream are to say that no other follows.
  bool mark_final = false;
};

// The request's own parameters. `options` holds what holds without them. REQUEST_INVALID with the
// parameter's path for a wrong type or value, and for what would change the meaning of the request
// but is not offered (sequences, triton_*). Other names are left to other servers.
absl::StatusOr<InferenceOptions> ReadInferenceParameters(const InferenceParameterMap& parameters,
                                                         InferenceOptions options);

// The same for one output; `path` is that of its parameters.
absl::StatusOr<InferenceOutputOptions> ReadInferenceOutputParameters(
    const InferenceParameterMap& parameters, const std::string& path,
    InferenceOutputOptions options);

// The same for one input, which has none that mean anything here.
absl::Status CheckInferenceInputParameters(const InferenceParameterMap& parameters,
                                           const std::string& path);

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_PARAMETERS_H_
