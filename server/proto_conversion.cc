#include "server/proto_conversion.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/repeated_field.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/field_error.h"
#include "server/image_conversion.h"

namespace radio::server {
namespace {

using OutputSpecs = google::protobuf::RepeatedPtrField<v1::OutputSpec>;

absl::StatusOr<FeatureLayout> ConvertLayout(v1::FeatureLayout layout, const ModelSpec& spec,
                                            const std::string& path) {
  switch (layout) {
    case v1::FEATURE_LAYOUT_UNSPECIFIED:
      return spec.default_layout;
    case v1::FEATURE_LAYOUT_NLC:
      return FeatureLayout::kNlc;
    case v1::FEATURE_LAYOUT_NHWC:
      return FeatureLayout::kNhwc;
    case v1::FEATURE_LAYOUT_NCHW:
      return FeatureLayout::kNchw;
    default:
      return FieldError(Reason::kRequestInvalid, absl::StrCat(path, ".layout"),
                        absl::StrCat("must be a FeatureLayout, is ", static_cast<int>(layout)));
  }
}

absl::StatusOr<DataType> ConvertOutputType(v1::DataType type, const std::string& path) {
  switch (type) {
    case v1::DATA_TYPE_UNSPECIFIED:
    case v1::DATA_TYPE_FLOAT32:
      return DataType::kFloat32;
    case v1::DATA_TYPE_FLOAT16:
      return DataType::kFloat16;
    case v1::DATA_TYPE_BFLOAT16:
      return DataType::kBfloat16;
    case v1::DATA_TYPE_UINT8:
      return FieldError(Reason::kOutputUnsupported, absl::StrCat(path, ".data_type"),
                        "must be a float type, is UINT8");
    default:
      return FieldError(Reason::kRequestInvalid, absl::StrCat(path, ".data_type"),
                        absl::StrCat("must be a DataType, is ", static_cast<int>(type)));
  }
}

absl::StatusOr<OutputRequest> ConvertOutput(const v1::OutputSpec& output, const ModelSpec& spec,
                                            const std::string& path) {
  OutputRequest request;
  RADIO_ASSIGN_OR_RETURN(request.adaptor, FindOutput(spec, output.adaptor()));
  if (!output.summary() && !output.features()) {
    return FieldError(Reason::kRequestInvalid, path, "must ask for summary, features or both");
  }
  const AdaptorSpec& adaptor = spec.outputs[request.adaptor];
  if (output.summary() && adaptor.summary_dim == 0) {
    return FieldError(Reason::kOutputUnsupported, absl::StrCat(path, ".summary"),
                      absl::StrCat("must be false: ", adaptor.name, " has no summary"));
  }
  if (output.features() && adaptor.feature_dim == 0) {
    return FieldError(Reason::kOutputUnsupported, absl::StrCat(path, ".features"),
                      absl::StrCat("must be false: ", adaptor.name, " has no features"));
  }
  request.summary = output.summary();
  request.features = output.features();
  request.l2_normalize = output.l2_normalize();
  RADIO_ASSIGN_OR_RETURN(request.layout, ConvertLayout(output.layout(), spec, path));
  RADIO_ASSIGN_OR_RETURN(request.data_type, ConvertOutputType(output.data_type(), path));
  return request;
}

absl::StatusOr<std::vector<OutputRequest>> ConvertOutputs(const OutputSpecs& outputs,
                                                          const ModelSpec& spec,
                                                          const RequestLimits& limits) {
  std::vector<OutputRequest> requests;
  if (outputs.empty()) {
    OutputRequest backbone;
    backbone.summary = true;
    backbone.features = true;
    backbone.layout = spec.default_layout;
    requests.push_back(backbone);
    return requests;
  }
  if (outputs.size() > limits.max_outputs) {
    return FieldError(
        Reason::kRequestInvalid, "outputs",
        absl::StrCat("must have at most ", limits.max_outputs, " entries, has ", outputs.size()));
  }
  for (int i = 0; i < outputs.size(); ++i) {
    RADIO_ASSIGN_OR_RETURN(OutputRequest request,
                           ConvertOutput(outputs[i], spec, absl::StrCat("outputs[", i, "]")));
    requests.push_back(request);
  }
  return requests;
}

// A side that `mode` needs must be positive; one that it does not use must be left alone, since it
// would silently be ignored.
absl::Status CheckSide(int side, bool used, absl::string_view name, absl::string_view mode) {
  if (used && side < 1) {
    return FieldError(Reason::kRequestInvalid, absl::StrCat("preprocessing.", name),
                      absl::StrCat("must be positive for ", mode, ", is ", side));
  }
  if (!used && side != 0) {
    return FieldError(Reason::kRequestInvalid, absl::StrCat("preprocessing.", name),
                      absl::StrCat("must not be set but for ", mode, ", is ", side));
  }
  return absl::OkStatus();
}

absl::StatusOr<ResizeOptions> ConvertResize(const v1::Preprocessing& preprocessing) {
  ResizeOptions options;
  switch (preprocessing.resize()) {
    case v1::RESIZE_MODE_UNSPECIFIED:
      options.mode = ResizeMode::kNone;
      break;
    case v1::RESIZE_MODE_NEAREST_SUPPORTED:
      options.mode = ResizeMode::kNearestSupported;
      break;
    case v1::RESIZE_MODE_EXACT:
      options.mode = ResizeMode::kExact;
      break;
    case v1::RESIZE_MODE_SHORTEST_SIDE:
      options.mode = ResizeMode::kShortestSide;
      break;
    case v1::RESIZE_MODE_PREFERRED:
      options.mode = ResizeMode::kPreferred;
      break;
    default:
      return FieldError(
          Reason::kRequestInvalid, "preprocessing.resize",
          absl::StrCat("must be a ResizeMode, is ", static_cast<int>(preprocessing.resize())));
  }
  const bool exact = options.mode == ResizeMode::kExact;
  const bool shortest = options.mode == ResizeMode::kShortestSide;
  RADIO_RETURN_IF_ERROR(CheckSide(preprocessing.height(), exact, "height", "RESIZE_MODE_EXACT"));
  RADIO_RETURN_IF_ERROR(CheckSide(preprocessing.width(), exact, "width", "RESIZE_MODE_EXACT"));
  RADIO_RETURN_IF_ERROR(CheckSide(preprocessing.shortest_side(), shortest, "shortest_side",
                                  "RESIZE_MODE_SHORTEST_SIDE"));
  options.exact = {preprocessing.height(), preprocessing.width()};
  options.shortest_side = preprocessing.shortest_side();
  return options;
}

// What both kinds of request share.
template <typename Message>
absl::StatusOr<ExtractRequest> ConvertCommon(const Message& message, const ModelRegistry& registry,
                                             const RequestLimits& limits) {
  ExtractRequest request;
  RADIO_ASSIGN_OR_RETURN(request.model, registry.Find(message.model()));
  RADIO_ASSIGN_OR_RETURN(request.outputs,
                         ConvertOutputs(message.outputs(), request.model->spec(), limits));
  RADIO_ASSIGN_OR_RETURN(request.resize, ConvertResize(message.preprocessing()));
  return request;
}

}  // namespace

absl::StatusOr<ExtractRequest> ConvertRequest(std::shared_ptr<const v1::ExtractRequest> message,
                                              const ModelRegistry& registry,
                                              const RequestLimits& limits) {
  if (message->images().empty()) {
    return FieldError(Reason::kRequestInvalid, "images", "must have at least one entry, has none");
  }
  if (message->images_size() > limits.max_images) {
    return FieldError(Reason::kTooManyItems, "images",
                      absl::StrCat("must have at most ", limits.max_images, " entries, has ",
                                   message->images_size()));
  }
  RADIO_ASSIGN_OR_RETURN(ExtractRequest request, ConvertCommon(*message, registry, limits));
  request.images.reserve(message->images_size());
  for (int i = 0; i < message->images_size(); ++i) {
    request.images.push_back(ConvertImage(message->images(i),
                                          message->preprocessing().conditioned(),
                                          absl::StrCat("images[", i, "]"), message));
  }
  return request;
}

absl::StatusOr<ExtractRequest> ConvertRequest(
    std::shared_ptr<const v1::ExtractStreamRequest> message, const ModelRegistry& registry,
    const RequestLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(ExtractRequest request, ConvertCommon(*message, registry, limits));
  request.images.push_back(
      ConvertImage(message->image(), message->preprocessing().conditioned(), "image", message));
  return request;
}

}  // namespace radio::server
