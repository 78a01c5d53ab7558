#include "server/inference_conversion.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/field_error.h"
#include "server/inference_inputs.h"
#include "server/inference_metadata.h"
#include "server/inference_parameters.h"

namespace radio::server {
namespace {

using inference::ModelInferRequest;

// The index in `outputs` of an entry that is asked for in the same way; added when there is none.
size_t FindOrAdd(int adaptor, const InferenceOutputOptions& options,
                 std::vector<OutputRequest>* outputs) {
  for (size_t i = 0; i < outputs->size(); ++i) {
    const OutputRequest& output = (*outputs)[i];
    if (output.adaptor == adaptor && output.layout == options.layout &&
        output.data_type == options.data_type && output.l2_normalize == options.l2_normalize) {
      return i;
    }
  }
  OutputRequest output;
  output.adaptor = adaptor;
  output.layout = options.layout;
  output.data_type = options.data_type;
  output.l2_normalize = options.l2_normalize;
  outputs->push_back(output);
  return outputs->size() - 1;
}

void AddOutput(const InferenceOutput& output, const InferenceOutputOptions& options,
               InferenceRequest* request) {
  const size_t index = FindOrAdd(output.adaptor, options, &request->extract.outputs);
  OutputRequest& entry = request->extract.outputs[index];
  (output.features ? entry.features : entry.summary) = true;
  request->reply.tensors.push_back({output.name, index, output.features});
}

absl::StatusOr<const InferenceOutput*> FindOutputByName(const std::vector<InferenceOutput>& valid,
                                                        const std::string& name,
                                                        const std::string& path) {
  const std::string valid_names = absl::StrJoin(
      valid, ",",
      [](std::string* text, const InferenceOutput& output) { text->append(output.name); });
  for (const InferenceOutput& output : valid) {
    if (output.name == name) return &output;
  }
  absl::Status error =
      FieldError(Reason::kOutputUnsupported, absl::StrCat(path, ".name"),
                 absl::StrCat("must be one of ", valid_names, ", is \"", name.substr(0, 64), "\""));
  SetValidNames(&error, valid_names);
  return error;
}

absl::Status ConvertOutputs(const ModelInferRequest& message, const ModelSpec& spec,
                            const InferenceOutputOptions& options, InferenceRequest* request) {
  const std::vector<InferenceOutput> valid = InferenceOutputs(spec);
  if (message.outputs().empty()) {
    for (const InferenceOutput& output : valid) AddOutput(output, options, request);
    return absl::OkStatus();
  }
  std::set<std::string> seen;
  for (int i = 0; i < message.outputs_size(); ++i) {
    const ModelInferRequest::InferRequestedOutputTensor& asked = message.outputs(i);
    const std::string path = absl::StrCat("outputs[", i, "]");
    RADIO_ASSIGN_OR_RETURN(const InferenceOutput* output,
                           FindOutputByName(valid, asked.name(), path));
    if (!seen.insert(asked.name()).second) {
      return FieldError(Reason::kRequestInvalid, absl::StrCat(path, ".name"),
                        absl::StrCat("must not repeat ", asked.name()));
    }
    RADIO_ASSIGN_OR_RETURN(const InferenceOutputOptions own,
                           ReadInferenceOutputParameters(
                               asked.parameters(), absl::StrCat(path, ".parameters"), options));
    AddOutput(*output, own, request);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InferenceRequest> ConvertInferenceRequest(
    std::shared_ptr<const ModelInferRequest> message, const ModelRegistry& registry,
    const RequestLimits& limits) {
  InferenceRequest request;
  RADIO_ASSIGN_OR_RETURN(request.extract.model, FindInferenceModel(registry, message->model_name(),
                                                                   message->model_version()));
  const ModelSpec& spec = request.extract.model->spec();
  request.reply.id = message->id();
  request.reply.model = request.extract.model;

  InferenceOptions options;
  options.output.layout = spec.default_layout;
  RADIO_ASSIGN_OR_RETURN(options, ReadInferenceParameters(message->parameters(), options));
  request.extract.resize = options.resize;
  request.timeout = options.timeout;
  request.reply.mark_final = options.mark_final;
  RADIO_RETURN_IF_ERROR(ConvertOutputs(*message, spec, options.output, &request));
  RADIO_ASSIGN_OR_RETURN(
      request.extract.images,
      ReadInferenceImages(std::move(message), options.conditioned, limits.max_images));
  return request;
}

}  // namespace radio::server
