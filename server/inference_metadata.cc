#include "server/inference_metadata.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"
#include "server/field_error.h"
#include "server/version.h"

namespace radio::server {
namespace {

// What OIP's list of platforms calls a model like ours.
constexpr char kPlatform[] = "pytorch_torchscript";
// A dimension that depends on the request.
constexpr int64_t kAny = -1;

using Shape = std::vector<int64_t>;

// Without the batch.
Shape ShapeOf(const ModelSpec& spec, const InferenceOutput& output) {
  const AdaptorSpec& adaptor = spec.outputs[output.adaptor];
  if (!output.features) return {adaptor.summary_dim};
  switch (spec.default_layout) {
    case FeatureLayout::kNlc:
      return {kAny, adaptor.feature_dim};
    case FeatureLayout::kNhwc:
      return {kAny, kAny, adaptor.feature_dim};
    case FeatureLayout::kNchw:
      return {adaptor.feature_dim, kAny, kAny};
  }
  return {};
}

Shape ImageShape() { return {3, kAny, kAny}; }

// perf_analyzer knows no tensor that has a batch and nothing else.
Shape FileShape() { return {1}; }

std::vector<std::pair<std::string, std::string>> Facts(const ModelSpec& spec) {
  return {
      {"radio_version", spec.version},
      {"architecture", spec.architecture},
      {"precision", spec.precision},
      {"license", spec.license},
      {"source_sha256", spec.source_sha256},
      {"embedding_space", spec.embedding_space},
      {"random_weights", spec.random_weights ? "true" : "false"},
      {"patch_size", absl::StrCat(spec.patch_size)},
      {"resolution_step", absl::StrCat(spec.resolution_step)},
      {"max_resolution", absl::StrCat(spec.max_resolution)},
      {"preferred_height", absl::StrCat(spec.preferred.height)},
      {"preferred_width", absl::StrCat(spec.preferred.width)},
      {"mean", absl::StrJoin(spec.mean, ",")},
      {"std", absl::StrJoin(spec.std, ",")},
  };
}

void AddTensor(absl::string_view name, absl::string_view datatype, const Shape& shape,
               inference::ModelMetadataResponse::TensorMetadata* tensor) {
  tensor->set_name(std::string(name));
  tensor->set_datatype(std::string(datatype));
  tensor->add_shape(kAny);
  for (const int64_t side : shape) tensor->add_shape(side);
}

void AddInput(absl::string_view name, inference::DataType type, const Shape& dims,
              inference::ModelConfig* config) {
  inference::ModelInput* input = config->add_input();
  input->set_name(std::string(name));
  input->set_data_type(type);
  for (const int64_t side : dims) input->add_dims(side);
  // A request uses one of the inputs.
  input->set_optional(true);
}

}  // namespace

std::vector<InferenceOutput> InferenceOutputs(const ModelSpec& spec) {
  std::vector<InferenceOutput> outputs;
  for (size_t i = 0; i < spec.outputs.size(); ++i) {
    const AdaptorSpec& adaptor = spec.outputs[i];
    const std::string prefix = i == 0 ? "" : absl::StrCat(adaptor.name, "_");
    const int index = static_cast<int>(i);
    if (adaptor.summary_dim > 0) outputs.push_back({prefix + "summary", index, false});
    if (adaptor.feature_dim > 0) outputs.push_back({prefix + "features", index, true});
  }
  return outputs;
}

absl::StatusOr<std::shared_ptr<const ServedModel>> FindInferenceModel(const ModelRegistry& registry,
                                                                      absl::string_view name,
                                                                      absl::string_view version) {
  int64_t number = 1;
  if (!version.empty() && (!absl::SimpleAtoi(version, &number) || number < 1)) {
    return FieldError(Reason::kRequestInvalid, "model_version",
                      "must be empty or a positive integer; the only version is 1");
  }
  auto model = registry.Find(name);
  if (!model.ok() || number == 1) return model;
  return MakeError(Reason::kModelNotFound,
                   absl::StrCat("model ", (*model)->spec().name, " has version 1, not ", number));
}

inference::ServerMetadataResponse InferenceServerMetadata() {
  inference::ServerMetadataResponse message;
  message.set_name("radio_server");
  message.set_version(std::string(kVersion));
  for (const char* extension :
       {"binary_tensor_data", "model_configuration", "parameters", "statistics"}) {
    message.add_extensions(extension);
  }
  return message;
}

inference::ModelMetadataResponse InferenceModelMetadata(const ModelSpec& spec) {
  inference::ModelMetadataResponse message;
  message.set_name(spec.name);
  message.add_versions(std::string(kInferenceVersion));
  message.set_platform(kPlatform);
  AddTensor(kImageInput, "UINT8", ImageShape(), message.add_inputs());
  AddTensor(kEncodedInput, "BYTES", FileShape(), message.add_inputs());
  for (const InferenceOutput& output : InferenceOutputs(spec)) {
    AddTensor(output.name, "FP32", ShapeOf(spec, output), message.add_outputs());
  }
  for (auto& [key, value] : Facts(spec)) (*message.mutable_properties())[key] = std::move(value);
  return message;
}

inference::ModelConfig InferenceModelConfig(const ModelSpec& spec, int max_images) {
  inference::ModelConfig config;
  config.set_name(spec.name);
  config.set_platform(kPlatform);
  config.set_backend("radio");
  config.set_max_batch_size(max_images);
  AddInput(kImageInput, inference::TYPE_UINT8, ImageShape(), &config);
  AddInput(kEncodedInput, inference::TYPE_STRING, FileShape(), &config);
  for (const InferenceOutput& output : InferenceOutputs(spec)) {
    inference::ModelOutput* message = config.add_output();
    message->set_name(output.name);
    message->set_data_type(inference::TYPE_FP32);
    for (const int64_t side : ShapeOf(spec, output)) message->add_dims(side);
  }
  config.mutable_dynamic_batching();
  config.mutable_model_transaction_policy()->set_decoupled(false);
  for (auto& [key, value] : Facts(spec)) {
    (*config.mutable_parameters())[key].set_string_value(std::move(value));
  }
  return config;
}

}  // namespace radio::server
