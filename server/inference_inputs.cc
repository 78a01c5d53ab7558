#include "server/inference_inputs.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "server/field_error.h"
#include "server/inference_metadata.h"
#include "server/inference_parameters.h"

namespace radio::server {
namespace {

using inference::ModelInferRequest;
using InputTensor = ModelInferRequest::InferInputTensor;
using Images = std::vector<absl::StatusOr<ImageSource>>;

// Far beyond every model's limit and small enough that no product of a shape overflows.
constexpr int64_t kMaxSide = 1 << 20;
// Precedes every element of BYTES.
constexpr size_t kLengthBytes = 4;
// A shape of any length may arrive; no message repeats more than a little of it.
constexpr int kMaxRank = 8;

// The one input, with what the messages about it and the images in it need.
struct Input {
  std::shared_ptr<const ModelInferRequest> message;
  std::string path;
  bool conditioned = false;
  int max_images = 0;

  const InputTensor& tensor() const { return message->inputs(0); }
  bool raw() const { return !message->raw_input_contents().empty(); }
  const std::string& raw_bytes() const { return message->raw_input_contents(0); }

  absl::Status Error(Reason reason, absl::string_view field, absl::string_view rule) const {
    return FieldError(reason, absl::StrCat(path, field), rule);
  }
  absl::Status ShapeError(absl::string_view rule) const {
    const int rank = tensor().shape_size();
    const std::string shape = rank > kMaxRank
                                  ? absl::StrCat("of ", rank, " dimensions")
                                  : absl::StrCat("[", absl::StrJoin(tensor().shape(), ", "), "]");
    return Error(Reason::kTensorInvalid, ".shape", absl::StrCat(rule, ", is ", shape));
  }
  absl::Status DatatypeError(absl::string_view rule) const {
    return Error(Reason::kTensorInvalid, ".datatype",
                 absl::StrCat(rule, ", is \"", tensor().datatype().substr(0, 16), "\""));
  }
  // The batch, the first dimension.
  absl::Status CheckImages() const {
    const int64_t images = tensor().shape(0);
    if (images < 1) return ShapeError("must begin with the number of images, at least 1");
    if (images <= max_images) return absl::OkStatus();
    return Error(Reason::kTooManyItems, ".shape",
                 absl::StrCat("must have at most ", max_images, " images, has ", images));
  }
};

absl::Span<const uint8_t> AsBytes(const void* data, size_t size) {
  return {static_cast<const uint8_t*>(data), size};
}

absl::StatusOr<DataType> ReadPixelType(const Input& input) {
  constexpr std::pair<absl::string_view, DataType> kTypes[] = {{"UINT8", DataType::kUint8},
                                                               {"FP32", DataType::kFloat32},
                                                               {"FP16", DataType::kFloat16},
                                                               {"BF16", DataType::kBfloat16}};
  for (const auto& [name, type] : kTypes) {
    if (input.tensor().datatype() != name) continue;
    if (input.conditioned && type == DataType::kUint8) {
      return input.DatatypeError("must be a float type when the images are conditioned");
    }
    return type;
  }
  return input.DatatypeError("must be UINT8, FP32, FP16 or BF16 for image");
}

absl::StatusOr<Size> ReadPixelShape(const Input& input) {
  const auto& shape = input.tensor().shape();
  const bool fits = shape.size() == 4 && shape[1] == 3 && shape[2] >= 1 && shape[2] <= kMaxSide &&
                    shape[3] >= 1 && shape[3] <= kMaxSide;
  if (!fits) {
    return input.ShapeError(
        absl::StrCat("must be [N, 3, H, W] with sides of 1 to ", kMaxSide, " for image"));
  }
  RADIO_RETURN_IF_ERROR(input.CheckImages());
  return Size{static_cast<int>(shape[2]), static_cast<int>(shape[3])};
}

// UINT8 travels as uint32 in typed contents.
absl::StatusOr<Bytes> NarrowToBytes(const Input& input) {
  const auto& values = input.tensor().contents().uint_contents();
  std::vector<uint8_t> bytes(values.size());
  for (int i = 0; i < values.size(); ++i) {
    if (values[i] > 255) {
      return input.Error(Reason::kTensorInvalid, ".contents.uint_contents",
                         absl::StrCat("must be at most 255, is ", values[i]));
    }
    bytes[i] = static_cast<uint8_t>(values[i]);
  }
  return Bytes::Own(std::move(bytes));
}

// All bytes of the tensor, however they travelled.
absl::StatusOr<Bytes> ReadPixelBytes(const Input& input, DataType type) {
  if (input.raw()) {
    const std::string& bytes = input.raw_bytes();
    return Bytes{input.message, AsBytes(bytes.data(), bytes.size())};
  }
  if (type == DataType::kUint8) return NarrowToBytes(input);
  if (type == DataType::kFloat32) {
    const auto& values = input.tensor().contents().fp32_contents();
    return Bytes{input.message, AsBytes(values.data(), sizeof(float) * values.size())};
  }
  return input.DatatypeError("must be UINT8 or FP32 without raw_input_contents");
}

absl::StatusOr<Images> ReadPixels(const Input& input) {
  RADIO_ASSIGN_OR_RETURN(const DataType type, ReadPixelType(input));
  RADIO_ASSIGN_OR_RETURN(const Size size, ReadPixelShape(input));
  RADIO_ASSIGN_OR_RETURN(const Bytes bytes, ReadPixelBytes(input, type));
  const int64_t count = input.tensor().shape(0);
  const int64_t each =
      int64_t{3} * size.height * size.width * static_cast<int64_t>(ElementSize(type));
  if (static_cast<int64_t>(bytes.data.size()) != count * each) {
    return input.Error(Reason::kTensorInvalid, "",
                       absl::StrCat("must have ", count * each, " bytes for ", count,
                                    " images of 3 x ", size.height, " x ", size.width, " ",
                                    input.tensor().datatype(), ", has ", bytes.data.size()));
  }
  Images images;
  for (int64_t i = 0; i < count; ++i) {
    const Bytes pixels{bytes.owner, bytes.data.subspan(i * each, each)};
    if (type == DataType::kUint8) {
      images.push_back(ImageSource(PlanarImage{size, pixels}));
    } else {
      images.push_back(ImageSource(ImageTensor{type, size, input.conditioned, pixels}));
    }
  }
  return images;
}

uint32_t LittleEndian(const uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

// Elements of BYTES, each after its length.
absl::StatusOr<std::vector<absl::Span<const uint8_t>>> SplitElements(const Input& input,
                                                                     int64_t count) {
  absl::Span<const uint8_t> rest = AsBytes(input.raw_bytes().data(), input.raw_bytes().size());
  std::vector<absl::Span<const uint8_t>> elements;
  const auto error = [&](absl::string_view what) {
    return FieldError(
        Reason::kTensorInvalid, "raw_input_contents[0]",
        absl::StrCat("must be ", count, " elements, each after its length in 4 bytes; ", what));
  };
  for (int64_t i = 0; i < count; ++i) {
    if (rest.size() < kLengthBytes) return error(absl::StrCat("ends before element ", i));
    const uint32_t length = LittleEndian(rest.data());
    rest.remove_prefix(kLengthBytes);
    if (rest.size() < length) return error(absl::StrCat("ends within element ", i));
    elements.push_back(rest.first(length));
    rest.remove_prefix(length);
  }
  if (!rest.empty()) return error(absl::StrCat(rest.size(), " bytes follow the last"));
  return elements;
}

absl::StatusOr<Images> ReadFiles(const Input& input) {
  if (input.tensor().datatype() != "BYTES") {
    return input.DatatypeError("must be BYTES for encoded");
  }
  if (input.conditioned) {
    return FieldError(Reason::kRequestInvalid, "parameters[conditioned]",
                      "must not be set for encoded: only float tensors can be normalised already");
  }
  const auto& shape = input.tensor().shape();
  const bool column = shape.size() == 2 && shape[1] == 1;
  if (shape.size() != 1 && !column) return input.ShapeError("must be [N] or [N, 1] for encoded");
  RADIO_RETURN_IF_ERROR(input.CheckImages());
  const int64_t count = shape[0];

  std::vector<absl::Span<const uint8_t>> files;
  if (input.raw()) {
    RADIO_ASSIGN_OR_RETURN(files, SplitElements(input, count));
  } else {
    const auto& contents = input.tensor().contents().bytes_contents();
    if (contents.size() != count) {
      return input.Error(Reason::kTensorInvalid, ".contents.bytes_contents",
                         absl::StrCat("must have ", count, " elements, has ", contents.size()));
    }
    for (const std::string& file : contents) files.push_back(AsBytes(file.data(), file.size()));
  }
  Images images;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty()) {
      return input.Error(Reason::kImageUndecodable, absl::StrCat("[", i, "]"),
                         "must be a JPEG, PNG or WebP file, is empty");
    }
    images.push_back(ImageSource(EncodedImage{{input.message, files[i]}}));
  }
  return images;
}

}  // namespace

absl::StatusOr<Images> ReadInferenceImages(std::shared_ptr<const ModelInferRequest> message,
                                           bool conditioned, int max_images) {
  if (message->inputs_size() != 1) {
    return FieldError(
        Reason::kRequestInvalid, "inputs",
        absl::StrCat("must have one entry, image or encoded, has ", message->inputs_size()));
  }
  const Input input{std::move(message), "inputs[0]", conditioned, max_images};
  RADIO_RETURN_IF_ERROR(CheckInferenceInputParameters(input.tensor().parameters(),
                                                      absl::StrCat(input.path, ".parameters")));
  if (input.message->raw_input_contents_size() > 1) {
    return FieldError(Reason::kRequestInvalid, "raw_input_contents",
                      absl::StrCat("must have one entry for each input, has ",
                                   input.message->raw_input_contents_size()));
  }
  if (input.raw() && input.tensor().has_contents()) {
    return input.Error(Reason::kRequestInvalid, ".contents",
                       "must not be set beside raw_input_contents");
  }
  if (input.tensor().name() == kImageInput) return ReadPixels(input);
  if (input.tensor().name() == kEncodedInput) return ReadFiles(input);
  return input.Error(
      Reason::kRequestInvalid, ".name",
      absl::StrCat("must be image or encoded, is \"", input.tensor().name().substr(0, 64), "\""));
}

}  // namespace radio::server
