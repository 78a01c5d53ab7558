// What the Open Inference Protocol says of a model: its tensors by name, its facts.
#ifndef RADIO_SERVER_INFERENCE_METADATA_H_
#define RADIO_SERVER_INFERENCE_METADATA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "inference/grpc_inference_service.pb.h"
#include "model/model_registry.h"
#include "model/model_spec.h"

namespace radio::server {

// The only version of every model: clients expect a decimal integer.
inline constexpr absl::string_view kInferenceVersion = "1";

// The inputs, of which a request uses one: pixels `[N, 3, H, W]`, files `[N, 1]` or `[N]`.
inline constexpr absl::string_view kImageInput = "image";
inline constexpr absl::string_view kEncodedInput = "encoded";

// One output tensor of a model.
struct InferenceOutput {
  // "summary" and "features" of the backbone, "<adaptor>_summary" and "<adaptor>_features".
  std::string name;
  // Index into ModelSpec.outputs.
  int adaptor = 0;
  // Features, else summary.
  bool features = false;
};

// All outputs that the model has, the backbone's first.
std::vector<InferenceOutput> InferenceOutputs(const ModelSpec& spec);

// The model of that name, the default one for an empty name. MODEL_NOT_FOUND also for a version
// other than "" and "1"; REQUEST_INVALID for one that is no positive integer.
absl::StatusOr<std::shared_ptr<const ServedModel>> FindInferenceModel(const ModelRegistry& registry,
                                                                      absl::string_view name,
                                                                      absl::string_view version);

inference::ServerMetadataResponse InferenceServerMetadata();

inference::ModelMetadataResponse InferenceModelMetadata(const ModelSpec& spec);

// `max_images`: of one request.
inference::ModelConfig InferenceModelConfig(const ModelSpec& spec, int max_images);

}  // namespace radio::server

#endif  // RADIO_SERVER_INFERENCE_METADATA_H_
