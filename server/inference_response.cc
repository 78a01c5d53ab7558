#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/errors.h"
#include "server/field_error.h"
#include "server/inference_conversion.h"
#include "server/inference_metadata.h"
#include "server/utf8.h"

namespace radio::server {
namespace {

using inference::ModelInferResponse;
using inference::ModelStreamInferResponse;

absl::string_view DatatypeName(DataType type) {
  switch (type) {
    case DataType::kUint8:
      return "UINT8";
    case DataType::kFloat16:
      return "FP16";
    case DataType::kBfloat16:
      return "BF16";
    case DataType::kFloat32:
      return "FP32";
  }
  return "";
}

// One image's error as that of its request.
absl::Status RequestError(const absl::Status& status, size_t index, size_t count) {
  if (count == 1) return status;
  absl::Status error(status.code(), absl::StrCat("image ", index, ": ", status.message()));
  status.ForEachPayload([&error](absl::string_view url, const absl::Cord& payload) {
    error.SetPayload(url, absl::Cord(std::string(payload)));
  });
  return error;
}

absl::Status ShapesDiffer(const InferenceReply::Tensor& tensor, size_t index,
                          const OutputTensor& first, const OutputTensor& other) {
  return FieldError(
      Reason::kRequestInvalid, "inputs[0]",
      absl::StrCat("must hold images of one size to form the tensor ", tensor.name,
                   ": image 0 has [", absl::StrJoin(first.shape, ", "), "], image ", index,
                   " has [", absl::StrJoin(other.shape, ", "),
                   "]; ask for a resize, for summaries alone, or send one request for each size"));
}

// Moves one output of all images into a tensor's blobs.
absl::Status Collect(const InferenceReply::Tensor& tensor, std::vector<ItemResult>* results,
                     ModelInferResponse::InferOutputTensor* header, std::vector<Bytes>* blobs) {
  const OutputTensor* first = nullptr;
  for (size_t i = 0; i < results->size(); ++i) {
    Output& output = (*(*results)[i].outputs)[tensor.output];
    OutputTensor& part = tensor.features ? *output.features : *output.summary;
    if (first == nullptr) first = &part;
    if (part.shape != first->shape) return ShapesDiffer(tensor, i, *first, part);
    blobs->push_back(std::move(part.data));
  }
  header->set_name(tensor.name);
  header->set_datatype(std::string(DatatypeName(first->data_type)));
  header->add_shape(static_cast<int64_t>(results->size()));
  for (const int64_t side : first->shape) header->add_shape(side);
  return absl::OkStatus();
}

// What radio.v1 says beside the tensors. Times are the longest of any image.
void AddFacts(const ModelSpec& spec, const std::vector<ItemResult>& results, bool features,
              ModelInferResponse* header) {
  auto& parameters = *header->mutable_parameters();
  Timings longest;
  for (const ItemResult& result : results) {
    longest.preprocess = std::max(longest.preprocess, result.timings.preprocess);
    longest.queue = std::max(longest.queue, result.timings.queue);
    longest.inference = std::max(longest.inference, result.timings.inference);
  }
  parameters["preprocess_us"].set_int64_param(absl::ToInt64Microseconds(longest.preprocess));
  parameters["queue_us"].set_int64_param(absl::ToInt64Microseconds(longest.queue));
  parameters["inference_us"].set_int64_param(absl::ToInt64Microseconds(longest.inference));
  parameters["embedding_space"].set_string_param(spec.embedding_space);
  if (!features) return;
  // All images have the same, or their features would form no tensor.
  const Size grid = spec.GridOf(results[0].model_size);
  parameters["grid_height"].set_int64_param(grid.height);
  parameters["grid_width"].set_int64_param(grid.width);
}

}  // namespace

absl::StatusOr<WireMessage> EncodeInferenceResponse(const InferenceReply& reply,
                                                    std::vector<ItemResult> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const absl::Status status = results[i].outputs.status();
    if (!status.ok()) return RequestError(status, i, results.size());
  }
  const ModelSpec& spec = reply.model->spec();
  ModelInferResponse header;
  header.set_model_name(spec.name);
  header.set_model_version(std::string(kInferenceVersion));
  header.set_id(reply.id);
  bool features = false;
  std::vector<std::vector<Bytes>> contents;
  for (const InferenceReply::Tensor& tensor : reply.tensors) {
    features |= tensor.features;
    RADIO_RETURN_IF_ERROR(
        Collect(tensor, &results, header.add_outputs(), &contents.emplace_back()));
  }
  AddFacts(spec, results, features, &header);
  if (reply.mark_final) {
    (*header.mutable_parameters())["triton_final_response"].set_bool_param(true);
  }
  WireMessage message;
  message.AddFields(header.SerializeAsString());
  for (std::vector<Bytes>& blobs : contents) {
    message.AddBlobs(ModelInferResponse::kRawOutputContentsFieldNumber, std::move(blobs));
  }
  return message;
}

WireMessage EncodeInferenceStreamResponse(WireMessage response) {
  WireMessage message;
  message.AddMessage(ModelStreamInferResponse::kInferResponseFieldNumber, std::move(response));
  return message;
}

WireMessage EncodeInferenceStreamError(const InferenceReply& reply, const absl::Status& error) {
  ModelStreamInferResponse response;
  // The protocol has no other place for the reason.
  response.set_error_message(
      ToValidUtf8(absl::StrCat(ReasonName(error), ": ", ToRpcStatus(error).message())));
  response.mutable_infer_response()->set_id(reply.id);
  if (reply.mark_final) {
    (*response.mutable_infer_response()->mutable_parameters())["triton_final_response"]
        .set_bool_param(true);
  }
  WireMessage message;
  message.AddFields(response.SerializeAsString());
  return message;
}

}  // namespace radio::server
