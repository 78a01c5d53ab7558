// Any bytes as a ModelInferRequest: either refused with a reason, or a request whose every image is
// pixels of the size that it says, or a file, and whose every tensor of the answer is one that the
// model is asked for.
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "model/errors.h"
#include "server/errors.h"
#include "server/inference_conversion.h"
#include "server/message_parser.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/server/served_models.h"

namespace radio {
namespace {

void CheckError(const absl::Status& status) {
  FUZZ_CHECK(ReasonOf(status).has_value());
  FUZZ_CHECK(!status.message().empty());
  FUZZ_CHECK(status.message().size() < 512);
  google::rpc::Status parsed;
  FUZZ_CHECK(parsed.ParseFromString(server::ToRpcStatus(status).SerializeAsString()));
}

size_t PixelsOf(Size size) {
  FUZZ_CHECK(size.height > 0 && size.width > 0);
  return size_t{3} * size.height * size.width;
}

// Reads every byte: a sanitizer sees whether it is there.
void Touch(absl::Span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (const uint8_t byte : bytes) sum += byte;
  FUZZ_CHECK(sum <= 255 * bytes.size());
}

void CheckImage(const ImageSource& source) {
  if (const auto* file = std::get_if<EncodedImage>(&source)) {
    FUZZ_CHECK(!file->bytes.data.empty());
    return Touch(file->bytes.data);
  }
  if (const auto* planar = std::get_if<PlanarImage>(&source)) {
    FUZZ_CHECK(planar->pixels.data.size() == PixelsOf(planar->size));
    return Touch(planar->pixels.data);
  }
  const auto& tensor = std::get<ImageTensor>(source);
  FUZZ_CHECK(tensor.data_type != DataType::kUint8);
  FUZZ_CHECK(tensor.pixels.data.size() == PixelsOf(tensor.size) * ElementSize(tensor.data_type));
  return Touch(tensor.pixels.data);
}

void CheckReply(const server::InferenceRequest& request) {
  FUZZ_CHECK(!request.reply.tensors.empty());
  for (const server::InferenceReply::Tensor& tensor : request.reply.tensors) {
    FUZZ_CHECK(tensor.output < request.extract.outputs.size());
    const OutputRequest& output = request.extract.outputs[tensor.output];
    FUZZ_CHECK(tensor.features ? output.features : output.summary);
    FUZZ_CHECK(output.data_type != DataType::kUint8);
  }
}

}  // namespace
}  // namespace radio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using radio::server::RequestLimits;
  static const radio::server::ServedModels models({radio::TestSpec("m"), radio::TestSpec("n")});
  const grpc::Slice slice(data, size);
  grpc::ByteBuffer buffer(&slice, 1);
  auto message = std::make_shared<inference::ModelInferRequest>();
  absl::Status status = radio::server::ParseMessage(&buffer, message.get());
  if (status.ok()) {
    // The pixels are read after the parsed message has lost its other owner.
    const auto request = radio::server::ConvertInferenceRequest(std::move(message),
                                                                models.registry(), RequestLimits{});
    status = request.status();
    if (request.ok()) {
      radio::CheckReply(*request);
      FUZZ_CHECK(!request->extract.images.empty());
      for (const auto& image : request->extract.images) {
        FUZZ_CHECK(image.ok());
        radio::CheckImage(*image);
      }
    }
  }
  if (!status.ok()) radio::CheckError(status);
  return 0;
}
