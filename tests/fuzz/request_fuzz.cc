// Any bytes as a request: either refused as a whole with a reason, or a request whose every image
// is pixels of the size that it says, a file, or an error with a reason and a field.
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "model/errors.h"
#include "server/errors.h"
#include "server/message_parser.h"
#include "server/proto_conversion.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/server/served_models.h"

namespace radio {
namespace {

void CheckError(const absl::Status& status) {
  FUZZ_CHECK(ReasonOf(status).has_value());
  FUZZ_CHECK(status.message().size() < 512);
  google::rpc::Status parsed;
  FUZZ_CHECK(parsed.ParseFromString(server::ToRpcStatus(status).SerializeAsString()));
}

void CheckImage(const ImageSource& source) {
  if (std::holds_alternative<EncodedImage>(source)) {
    FUZZ_CHECK(!std::get<EncodedImage>(source).bytes.data.empty());
    return;
  }
  const auto& image = std::get<ImageTensor>(source);
  FUZZ_CHECK(image.size.height > 0 && image.size.width > 0);
  FUZZ_CHECK(image.pixels.data.size() ==
             size_t{3} * image.size.height * image.size.width * ElementSize(image.data_type));
}

template <typename Message>
void Check(const uint8_t* data, size_t size) {
  static const server::ServedModels models({TestSpec("m"), TestSpec("n")});
  const grpc::Slice slice(data, size);
  grpc::ByteBuffer buffer(&slice, 1);
  auto message = std::make_shared<Message>();
  const absl::Status status = server::ParseMessage(&buffer, message.get());
  if (!status.ok()) return CheckError(status);
  const auto request =
      server::ConvertRequest(std::move(message), models.registry(), server::RequestLimits{});
  if (!request.ok()) return CheckError(request.status());
  FUZZ_CHECK(!request->images.empty() && !request->outputs.empty());
  for (const OutputRequest& output : request->outputs) {
    FUZZ_CHECK(output.summary || output.features);
    FUZZ_CHECK(output.data_type != DataType::kUint8);
  }
  for (const absl::StatusOr<ImageSource>& image : request->images) {
    if (image.ok()) {
      CheckImage(*image);
    } else {
      CheckError(image.status());
      FUZZ_CHECK(!FieldPathOf(image.status()).empty());
    }
  }
}

}  // namespace
}  // namespace radio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  radio::Check<radio::v1::ExtractRequest>(data, size);
  radio::Check<radio::v1::ExtractStreamRequest>(data, size);
  return 0;
}
