#include "server/response_encoder.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "radio/v1/feature_service.pb.h"
#include "server/errors.h"

namespace radio::server {
namespace {

v1::DataType WireType(DataType type) {
  switch (type) {
    case DataType::kUint8:
      return v1::DATA_TYPE_UINT8;
    case DataType::kFloat16:
      return v1::DATA_TYPE_FLOAT16;
    case DataType::kBfloat16:
      return v1::DATA_TYPE_BFLOAT16;
    case DataType::kFloat32:
      return v1::DATA_TYPE_FLOAT32;
  }
  return v1::DATA_TYPE_UNSPECIFIED;
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* message) {
  absl::Duration rest;
  message->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  message->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

std::string EncodeTimings(const Timings& timings) {
  v1::Timings message;
  SetDuration(timings.queue, message.mutable_queue());
  SetDuration(timings.preprocess, message.mutable_preprocess());
  SetDuration(timings.inference, message.mutable_inference());
  return message.SerializeAsString();
}

std::string EncodeGeometry(const ModelSpec& spec, Size source, Size model) {
  const Size grid = spec.GridOf(model);
  v1::Geometry message;
  message.set_source_height(source.height);
  message.set_source_width(source.width);
  message.set_model_height(model.height);
  message.set_model_width(model.width);
  message.set_grid_height(grid.height);
  message.set_grid_width(grid.width);
  return message.SerializeAsString();
}

WireMessage EncodeTensor(OutputTensor tensor) {
  WireMessage message;
  message.AddVarint(v1::Tensor::kDataTypeFieldNumber, WireType(tensor.data_type));
  message.AddPacked(v1::Tensor::kShapeFieldNumber, tensor.shape);
  if (!tensor.data.data.empty()) {
    message.AddBlob(v1::Tensor::kDataFieldNumber, std::move(tensor.data));
  }
  return message;
}

WireMessage EncodeOutput(const std::string& adaptor, Output output) {
  WireMessage message;
  message.AddBytes(v1::Output::kAdaptorFieldNumber, adaptor);
  if (output.summary) {
    message.AddMessage(v1::Output::kSummaryFieldNumber, EncodeTensor(*std::move(output.summary)));
  }
  if (output.features) {
    message.AddMessage(v1::Output::kFeaturesFieldNumber, EncodeTensor(*std::move(output.features)));
  }
  return message;
}

WireMessage EncodeResult(const ResponseContext& context, ItemResult result) {
  WireMessage message;
  message.AddBytes(v1::ImageResult::kStatusFieldNumber,
                   ToRpcStatus(result.outputs.status()).SerializeAsString());
  if (result.outputs.ok()) {
    for (size_t i = 0; i < result.outputs->size(); ++i) {
      const AdaptorSpec& adaptor = context.spec->outputs[(*context.outputs)[i].adaptor];
      message.AddMessage(v1::ImageResult::kOutputsFieldNumber,
                         EncodeOutput(adaptor.name, std::move((*result.outputs)[i])));
    }
  }
  if (result.model_size != Size{}) {
    message.AddBytes(v1::ImageResult::kGeometryFieldNumber,
                     EncodeGeometry(*context.spec, result.source_size, result.model_size));
  }
  message.AddBytes(v1::ImageResult::kTimingsFieldNumber, EncodeTimings(result.timings));
  return message;
}

}  // namespace

WireMessage EncodeResponse(const ResponseContext& context, std::vector<ItemResult> results) {
  WireMessage message;
  for (ItemResult& result : results) {
    message.AddMessage(v1::ExtractResponse::kResultsFieldNumber,
                       EncodeResult(context, std::move(result)));
  }
  message.AddBytes(v1::ExtractResponse::kModelFieldNumber, context.spec->name);
  if (!context.spec->embedding_space.empty()) {
    message.AddBytes(v1::ExtractResponse::kEmbeddingSpaceFieldNumber,
                     context.spec->embedding_space);
  }
  return message;
}

WireMessage EncodeStreamResponse(const ResponseContext& context, absl::string_view id,
                                 ItemResult result) {
  WireMessage message;
  if (!id.empty()) message.AddBytes(v1::ExtractStreamResponse::kIdFieldNumber, id);
  message.AddMessage(v1::ExtractStreamResponse::kResultFieldNumber,
                     EncodeResult(context, std::move(result)));
  return message;
}

}  // namespace radio::server
