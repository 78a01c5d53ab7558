#include "server/response_encoder.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "radio/v1/feature_service.pb.h"
#include "server/errors.h"
#include "server/message_parser.h"
#include "tests/testing/fake_engine.h"

namespace radio::server {
namespace {

// All bytes of a buffer, in order.
std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

OutputTensor Tensor(DataType type, std::vector<int64_t> shape, uint8_t fill) {
  size_t count = ElementSize(type);
  for (const int64_t side : shape) count *= side;
  return {type, std::move(shape), Bytes::Own(std::vector<uint8_t>(count, fill))};
}

v1::Tensor ToMessage(const OutputTensor& tensor, v1::DataType type) {
  v1::Tensor message;
  message.set_data_type(type);
  for (const int64_t side : tensor.shape) message.add_shape(side);
  message.set_data(std::string(tensor.data.data.begin(), tensor.data.data.end()));
  return message;
}

class ResponseEncoderTest : public testing::Test {
 protected:
  ResponseEncoderTest() : spec_(TestSpec("m")) {
    outputs_.resize(2);
    outputs_[1].adaptor = 1;
  }

  // One image with large features, a small summary and an output without either.
  static ItemResult Answered() {
    ItemResult result;
    ItemOutputs outputs(2);
    outputs[0].summary = Tensor(DataType::kFloat32, {8}, 1);
    outputs[0].features = Tensor(DataType::kFloat16, {300, 8}, 2);
    outputs[1].features = Tensor(DataType::kBfloat16, {300, 16, 2}, 3);
    result.outputs = std::move(outputs);
    result.source_size = {100, 70000};
    result.model_size = {320, 240};
    result.timings = {absl::Milliseconds(3), absl::Microseconds(1500001), absl::Nanoseconds(7)};
    return result;
  }

  // What the generated code makes of the same.
  static v1::ImageResult AnsweredMessage() {
    const ItemResult result = Answered();
    v1::ImageResult message;
    message.mutable_status();
    v1::Output* backbone = message.add_outputs();
    backbone->set_adaptor("backbone");
    *backbone->mutable_summary() = ToMessage(*(*result.outputs)[0].summary, v1::DATA_TYPE_FLOAT32);
    *backbone->mutable_features() =
        ToMessage(*(*result.outputs)[0].features, v1::DATA_TYPE_FLOAT16);
    v1::Output* clip = message.add_outputs();
    clip->set_adaptor("clip");
    *clip->mutable_features() = ToMessage(*(*result.outputs)[1].features, v1::DATA_TYPE_BFLOAT16);
    v1::Geometry* geometry = message.mutable_geometry();
    geometry->set_source_height(100);
    geometry->set_source_width(70000);
    geometry->set_model_height(320);
    geometry->set_model_width(240);
    geometry->set_grid_height(20);
    geometry->set_grid_width(15);
    message.mutable_timings()->mutable_preprocess()->set_nanos(3000000);
    message.mutable_timings()->mutable_queue()->set_seconds(1);
    message.mutable_timings()->mutable_queue()->set_nanos(500001000);
    message.mutable_timings()->mutable_inference()->set_nanos(7);
    return message;
  }

  static ItemResult Failed() {
    ItemResult result;
    result.outputs = MakeError(Reason::kTensorInvalid, "images[1].tensor: wrong");
    return result;
  }

  static v1::ImageResult FailedMessage() {
    v1::ImageResult message;
    *message.mutable_status() = ToRpcStatus(Failed().outputs.status());
    message.mutable_timings()->mutable_preprocess();
    message.mutable_timings()->mutable_queue();
    message.mutable_timings()->mutable_inference();
    return message;
  }

  const ModelSpec spec_;
  std::vector<OutputRequest> outputs_;
};

TEST_F(ResponseEncoderTest, TheBytesEqualThoseOfTheGeneratedMessage) {
  v1::ExtractResponse message;
  *message.add_results() = AnsweredMessage();
  *message.add_results() = FailedMessage();
  *message.add_results() = AnsweredMessage();
  message.set_model("m");
  message.set_embedding_space("test-space");

  std::vector<ItemResult> results;
  results.push_back(Answered());
  results.push_back(Failed());
  results.push_back(Answered());
  WireMessage wire = EncodeResponse({&spec_, &outputs_}, std::move(results));
  const std::string expected = message.SerializeAsString();
  EXPECT_EQ(wire.size(), expected.size());
  EXPECT_EQ(Flatten(std::move(wire).ToByteBuffer()), expected);
}

TEST_F(ResponseEncoderTest, StreamAnswersEqualTheGeneratedMessageToo) {
  v1::ExtractStreamResponse message;
  message.set_id("image-7");
  *message.mutable_result() = AnsweredMessage();
  EXPECT_EQ(
      Flatten(EncodeStreamResponse({&spec_, &outputs_}, "image-7", Answered()).ToByteBuffer()),
      message.SerializeAsString());
  message.clear_id();
  *message.mutable_result() = FailedMessage();
  EXPECT_EQ(Flatten(EncodeStreamResponse({}, "", Failed()).ToByteBuffer()),
            message.SerializeAsString());
}

TEST_F(ResponseEncoderTest, LargeDataIsNotCopiedAndIsHeldUntilTheBufferIsGone) {
  auto owner = std::make_shared<std::vector<uint8_t>>(100000, uint8_t{5});
  const std::weak_ptr<std::vector<uint8_t>> watch = owner;
  const uint8_t* data = owner->data();
  ItemResult result;
  ItemOutputs outputs(1);
  outputs[0].features =
      OutputTensor{DataType::kFloat32, {25000}, Bytes{owner, absl::MakeConstSpan(*owner)}};
  result.outputs = std::move(outputs);
  owner.reset();

  grpc::ByteBuffer buffer =
      EncodeStreamResponse({&spec_, &outputs_}, "", std::move(result)).ToByteBuffer();
  {
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    bool referenced = false;
    for (const grpc::Slice& slice : slices) referenced |= slice.begin() == data;
    EXPECT_TRUE(referenced);
  }
  EXPECT_FALSE(watch.expired());
  buffer.Clear();
  EXPECT_TRUE(watch.expired());
}

TEST_F(ResponseEncoderTest, ParsingEmptiesTheBufferAndRefusesGarbage) {
  grpc::ByteBuffer buffer =
      EncodeStreamResponse({&spec_, &outputs_}, "x", Answered()).ToByteBuffer();
  v1::ExtractStreamResponse message;
  ASSERT_TRUE(ParseMessage(&buffer, &message).ok());
  EXPECT_EQ(message.id(), "x");
  EXPECT_EQ(buffer.Length(), 0u);

  const grpc::Slice garbage("\xFF\xFF\xFF\xFF garbage");
  grpc::ByteBuffer broken(&garbage, 1);
  const absl::Status status = ParseMessage(&broken, &message);
  EXPECT_EQ(ReasonOf(status), Reason::kRequestInvalid);
  EXPECT_EQ(status.message(), "the bytes are no radio.v1.ExtractStreamResponse");
}

}  // namespace
}  // namespace radio::server
