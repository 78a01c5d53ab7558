#include "server/inference_conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <variant>

#include "model/errors.h"
#include "server/errors.h"
#include "server/message_parser.h"
#include "tests/server/served_models.h"

namespace radio::server {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kHeight = 16;
constexpr int kWidth = 32;
constexpr size_t kPixels = size_t{3} * kHeight * kWidth;

// `elements`, each after its length.
std::string RawElements(const std::vector<std::string>& elements) {
  std::string bytes;
  for (const std::string& element : elements) {
    const auto size = static_cast<uint32_t>(element.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
    bytes += element;
  }
  return bytes;
}

void SetInput(ModelInferRequest* message, const std::string& name, const std::string& datatype,
              const std::vector<int64_t>& shape) {
  message->clear_inputs();
  ModelInferRequest::InferInputTensor* input = message->add_inputs();
  input->set_name(name);
  input->set_datatype(datatype);
  for (const int64_t side : shape) input->add_shape(side);
}

void SetFiles(ModelInferRequest* message, const std::vector<std::string>& files) {
  SetInput(message, "encoded", "BYTES", {static_cast<int64_t>(files.size())});
  message->clear_raw_input_contents();
  message->add_raw_input_contents(RawElements(files));
}

absl::string_view AsText(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()};
}

class InferenceConversionTest : public testing::Test {
 protected:
  InferenceConversionTest() : models_({TestSpec("m"), TestSpec("n")}) { limits_.max_images = 4; }

  // A request for two images of UINT8, the first all 'a', the second all 'b'.
  static std::shared_ptr<ModelInferRequest> Message() {
    auto message = std::make_shared<ModelInferRequest>();
    SetInput(message.get(), "image", "UINT8", {2, 3, kHeight, kWidth});
    message->add_raw_input_contents(std::string(kPixels, 'a') + std::string(kPixels, 'b'));
    return message;
  }

  absl::StatusOr<InferenceRequest> Convert(const std::function<void(ModelInferRequest*)>& change) {
    auto message = Message();
    change(message.get());
    return ConvertInferenceRequest(message, models_.registry(), limits_);
  }

  void ExpectRefused(Reason reason, absl::string_view path,
                     const std::function<void(ModelInferRequest*)>& change) {
    const absl::Status status = Convert(change).status();
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(FieldPathOf(status), path) << status;
    EXPECT_FALSE(status.message().empty());
  }

  ServedModels models_;
  RequestLimits limits_;
};

TEST_F(InferenceConversionTest, NoOutputsMeansAllOfTheModel) {
  const auto request = Convert([](ModelInferRequest* m) { m->set_id("seven"); });
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->reply.id, "seven");
  std::vector<std::string> names;
  for (const auto& tensor : request->reply.tensors) names.push_back(tensor.name);
  // "sam" has no summary.
  EXPECT_THAT(names,
              ElementsAre("summary", "features", "clip_summary", "clip_features", "sam_features"));
  // What one adaptor gives is asked for once.
  ASSERT_EQ(request->extract.outputs.size(), 3u);
  EXPECT_TRUE(request->extract.outputs[1].summary);
  EXPECT_TRUE(request->extract.outputs[1].features);
  EXPECT_FALSE(request->extract.outputs[2].summary);
  EXPECT_EQ(request->timeout, absl::InfiniteDuration());
}

TEST_F(InferenceConversionTest, ABatchOfBytesIsSplitWithoutACopyAndKeepsTheMessageAlive) {
  auto message = Message();
  const std::weak_ptr<ModelInferRequest> watch = message;
  const char* bytes = message->raw_input_contents(0).data();
  auto request = ConvertInferenceRequest(std::move(message), models_.registry(), limits_);
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->extract.images.size(), 2u);
  const auto& second = std::get<PlanarImage>(*request->extract.images[1]);
  EXPECT_EQ(second.size, (Size{kHeight, kWidth}));
  EXPECT_EQ(static_cast<const void*>(second.pixels.data.data()), bytes + kPixels);
  EXPECT_EQ(AsText(second.pixels), std::string(kPixels, 'b'));
  EXPECT_FALSE(watch.expired());
  request = absl::CancelledError();
  EXPECT_TRUE(watch.expired());
}

TEST_F(InferenceConversionTest, FloatTensorsMayBeOfAnyWidthAndConditioned) {
  for (const auto& [name, type] : {std::pair("FP32", DataType::kFloat32),
                                   {"FP16", DataType::kFloat16},
                                   {"BF16", DataType::kBfloat16}}) {
    const auto request = Convert([&, name = name, type = type](ModelInferRequest* m) {
      SetInput(m, "image", name, {1, 3, kHeight, kWidth});
      m->set_raw_input_contents(0, std::string(kPixels * ElementSize(type), '\0'));
      (*m->mutable_parameters())["conditioned"].set_bool_param(true);
    });
    ASSERT_TRUE(request.ok()) << request.status();
    const auto& image = std::get<ImageTensor>(*request->extract.images[0]);
    EXPECT_EQ(image.data_type, type);
    EXPECT_TRUE(image.conditioned);
  }
}

TEST_F(InferenceConversionTest, TypedContentsAreReadLikeRawOnes) {
  const auto bytes = Convert([](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    auto* values = m->mutable_inputs(0)->mutable_contents()->mutable_uint_contents();
    for (size_t i = 0; i < 2 * kPixels; ++i) values->Add(i < kPixels ? 7 : 255);
  });
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(std::get<PlanarImage>(*bytes->extract.images[1]).pixels.data[kPixels - 1], 255);

  const auto floats = Convert([](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    SetInput(m, "image", "FP32", {1, 3, kHeight, kWidth});
    m->mutable_inputs(0)->mutable_contents()->mutable_fp32_contents()->Resize(kPixels, 0.5f);
  });
  ASSERT_TRUE(floats.ok()) << floats.status();
  float last = 0;
  const Bytes& pixels = std::get<ImageTensor>(*floats->extract.images[0]).pixels;
  std::memcpy(&last, &pixels.data[pixels.data.size() - 4], 4);
  EXPECT_EQ(last, 0.5f);

  const auto files = Convert([](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    SetInput(m, "encoded", "BYTES", {2});
    for (const char* file : {"one", "two"}) {
      m->mutable_inputs(0)->mutable_contents()->add_bytes_contents(file);
    }
  });
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(AsText(std::get<EncodedImage>(*files->extract.images[1]).bytes), "two");
}

TEST_F(InferenceConversionTest, FilesAreElementsOfBytes) {
  const auto request = Convert([](ModelInferRequest* m) { SetFiles(m, {"one", "second"}); });
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->extract.images.size(), 2u);
  EXPECT_EQ(AsText(std::get<EncodedImage>(*request->extract.images[0]).bytes), "one");
  EXPECT_EQ(AsText(std::get<EncodedImage>(*request->extract.images[1]).bytes), "second");
  // A column is the same.
  const auto column = Convert([](ModelInferRequest* m) {
    SetFiles(m, {"one", "second"});
    m->mutable_inputs(0)->add_shape(1);
  });
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ(column->extract.images.size(), 2u);
}

TEST_F(InferenceConversionTest, BrokenElementsAreRefused) {
  const auto expect = [&](const std::string& raw) {
    ExpectRefused(Reason::kTensorInvalid, "raw_input_contents[0]", [&](ModelInferRequest* m) {
      SetFiles(m, {"x", "y"});
      m->set_raw_input_contents(0, raw);
    });
  };
  const std::string good = RawElements({"one", "second"});
  expect(good.substr(0, good.size() - 1));
  expect(good.substr(0, 9));
  expect(good + "x");
  expect("");
  expect(std::string(8, '\xFF'));
  ExpectRefused(Reason::kImageUndecodable, "inputs[0][1]", [](ModelInferRequest* m) {
    SetFiles(m, {"x", ""});
  });
}

TEST_F(InferenceConversionTest, WhatIsWrongWithTheInputRefusesTheRequest) {
  const auto invalid = [&](absl::string_view path,
                           const std::function<void(ModelInferRequest*)>& change) {
    ExpectRefused(Reason::kTensorInvalid, path, change);
  };
  const auto shape = [&](const std::vector<int64_t>& sides) {
    invalid("inputs[0].shape", [&](ModelInferRequest* m) { SetInput(m, "image", "UINT8", sides); });
  };
  shape({});
  shape({3, kHeight, kWidth});
  shape({2, kHeight, kWidth, 3});
  shape({2, 3, 0, kWidth});
  shape({2, 3, -16, kWidth});
  shape({0, 3, kHeight, kWidth});
  shape({-1, 3, kHeight, kWidth});
  shape({2, 3, int64_t{1} << 62, 4});
  shape({2, 3, std::numeric_limits<int64_t>::min(), 4});
  shape(std::vector<int64_t>(100000, 1));
  invalid("inputs[0].shape", [](ModelInferRequest* m) {
    SetFiles(m, {"x"});
    m->mutable_inputs(0)->add_shape(2);
  });
  invalid("inputs[0].datatype",
          [](ModelInferRequest* m) { m->mutable_inputs(0)->set_datatype("INT32"); });
  invalid("inputs[0].datatype", [](ModelInferRequest* m) {
    SetFiles(m, {"x"});
    m->mutable_inputs(0)->set_datatype("UINT8");
  });
  invalid("inputs[0].datatype", [](ModelInferRequest* m) {
    (*m->mutable_parameters())["conditioned"].set_bool_param(true);
  });
  invalid("inputs[0].datatype", [](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    m->mutable_inputs(0)->set_datatype("FP16");
  });
  invalid("inputs[0]", [](ModelInferRequest* m) { m->mutable_raw_input_contents(0)->pop_back(); });
  invalid("inputs[0]",
          [](ModelInferRequest* m) { m->mutable_raw_input_contents(0)->push_back('x'); });
  invalid("inputs[0]", [](ModelInferRequest* m) { m->clear_raw_input_contents(); });
  invalid("inputs[0].contents.uint_contents", [](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    m->mutable_inputs(0)->mutable_contents()->mutable_uint_contents()->Resize(2 * kPixels, 256);
  });
  invalid("inputs[0].contents.bytes_contents", [](ModelInferRequest* m) {
    m->clear_raw_input_contents();
    SetInput(m, "encoded", "BYTES", {2});
    m->mutable_inputs(0)->mutable_contents()->add_bytes_contents("one");
  });
  ExpectRefused(Reason::kTooManyItems, "inputs[0].shape",
                [](ModelInferRequest* m) { m->mutable_inputs(0)->set_shape(0, 5); });
  ExpectRefused(Reason::kTooManyItems, "inputs[0].shape", [](ModelInferRequest* m) {
    SetFiles(m, {"1", "2", "3", "4", "5"});
  });
}

TEST_F(InferenceConversionTest, WhatIsWrongWithTheRequestRefusesIt) {
  const auto invalid = [&](absl::string_view path,
                           const std::function<void(ModelInferRequest*)>& change) {
    ExpectRefused(Reason::kRequestInvalid, path, change);
  };
  invalid("inputs", [](ModelInferRequest* m) { m->clear_inputs(); });
  invalid("inputs", [](ModelInferRequest* m) { *m->add_inputs() = m->inputs(0); });
  invalid("inputs[0].name", [](ModelInferRequest* m) { m->mutable_inputs(0)->set_name("x"); });
  invalid("raw_input_contents", [](ModelInferRequest* m) { m->add_raw_input_contents("x"); });
  invalid("inputs[0].contents", [](ModelInferRequest* m) {
    m->mutable_inputs(0)->mutable_contents()->add_uint_contents(1);
  });
  invalid("inputs[0].parameters[shared_memory_region]", [](ModelInferRequest* m) {
    (*m->mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("r");
  });
  invalid("parameters[conditioned]", [](ModelInferRequest* m) {
    SetFiles(m, {"x"});
    (*m->mutable_parameters())["conditioned"].set_bool_param(true);
  });
  invalid("outputs[1].name", [](ModelInferRequest* m) {
    m->add_outputs()->set_name("summary");
    m->add_outputs()->set_name("summary");
  });
  invalid("outputs[0].parameters[classification]", [](ModelInferRequest* m) {
    m->add_outputs()->set_name("summary");
    (*m->mutable_outputs(0)->mutable_parameters())["classification"].set_int64_param(3);
  });
  invalid("model_version", [](ModelInferRequest* m) { m->set_model_version("newest"); });
  invalid("model_version", [](ModelInferRequest* m) { m->set_model_version("-1"); });
  ExpectRefused(Reason::kModelNotFound, "",
                [](ModelInferRequest* m) { m->set_model_version("2"); });
  ExpectRefused(Reason::kModelNotFound, "",
                [](ModelInferRequest* m) { m->set_model_name("nonesuch"); });
}

TEST_F(InferenceConversionTest, AnUnknownOutputComesWithTheValidNames) {
  ExpectRefused(Reason::kOutputUnsupported, "outputs[0].name",
                [](ModelInferRequest* m) { m->add_outputs()->set_name("sam_summary"); });
  const absl::Status status =
      Convert([](ModelInferRequest* m) { m->add_outputs()->set_name("sam_summary"); }).status();
  EXPECT_EQ(ValidNamesOf(status), "summary,features,clip_summary,clip_features,sam_features");
  EXPECT_THAT(std::string(status.message()), HasSubstr("clip_features"));
}

TEST_F(InferenceConversionTest, ParametersSayHowImagesAreResizedAndOutputsWritten) {
  const auto request = Convert([](ModelInferRequest* m) {
    auto& parameters = *m->mutable_parameters();
    parameters["resize"].set_string_param("exact=32x48");
    parameters["layout"].set_string_param("NCHW");
    parameters["datatype"].set_string_param("FP16");
    parameters["timeout"].set_uint64_param(1500);
    parameters["triton_enable_empty_final_response"].set_bool_param(true);
    parameters["of_another_server"].set_double_param(1);
    parameters["sequence_id"].set_int64_param(0);
    parameters["priority"].set_uint64_param(1);
    m->add_outputs()->set_name("features");
    m->add_outputs()->set_name("summary");
    auto& own = *m->mutable_outputs(1)->mutable_parameters();
    own["datatype"].set_string_param("FP32");
    own["l2_normalize"].set_bool_param(true);
  });
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->extract.resize.mode, ResizeMode::kExact);
  EXPECT_EQ(request->extract.resize.exact, (Size{32, 48}));
  EXPECT_EQ(request->timeout, absl::Microseconds(1500));
  EXPECT_TRUE(request->reply.mark_final);
  ASSERT_EQ(request->extract.outputs.size(), 2u);
  const OutputRequest& features = request->extract.outputs[0];
  EXPECT_EQ(features.layout, FeatureLayout::kNchw);
  EXPECT_EQ(features.data_type, DataType::kFloat16);
  EXPECT_FALSE(features.summary || features.l2_normalize);
  const OutputRequest& summary = request->extract.outputs[1];
  EXPECT_EQ(summary.data_type, DataType::kFloat32);
  EXPECT_TRUE(summary.l2_normalize);
}

TEST_F(InferenceConversionTest, EveryResizeIsUnderstood) {
  const auto mode = [&](const char* text) {
    const auto request = Convert(
        [&](ModelInferRequest* m) { (*m->mutable_parameters())["resize"].set_string_param(text); });
    EXPECT_TRUE(request.ok()) << request.status();
    return request->extract.resize;
  };
  EXPECT_EQ(mode("none").mode, ResizeMode::kNone);
  EXPECT_EQ(mode("nearest").mode, ResizeMode::kNearestSupported);
  EXPECT_EQ(mode("preferred").mode, ResizeMode::kPreferred);
  EXPECT_EQ(mode("shortest=224").mode, ResizeMode::kShortestSide);
  EXPECT_EQ(mode("shortest=224").shortest_side, 224);
}

TEST_F(InferenceConversionTest, AParameterThatMakesNoSenseIsRefused) {
  const auto expect = [&](const std::string& name,
                          const std::function<void(inference::InferParameter*)>& set) {
    ExpectRefused(Reason::kRequestInvalid, "parameters[" + name + "]",
                  [&](ModelInferRequest* m) { set(&(*m->mutable_parameters())[name]); });
  };
  for (const char* text : {"", "biggest", "shortest", "shortest=", "shortest=0", "shortest=-5",
                           "exact=3", "exact=3x", "exact=3x0", "exact=3x4x5", "nearest=1"}) {
    expect("resize", [&](auto* p) { p->set_string_param(text); });
  }
  expect("resize", [](auto* p) { p->set_bool_param(true); });
  expect("layout", [](auto* p) { p->set_string_param("HWC"); });
  expect("datatype", [](auto* p) { p->set_string_param("UINT8"); });
  expect("datatype", [](auto*) {});
  expect("l2_normalize", [](auto* p) { p->set_string_param("true"); });
  expect("conditioned", [](auto* p) { p->set_int64_param(1); });
  expect("timeout", [](auto* p) { p->set_int64_param(-1); });
  expect("timeout", [](auto* p) { p->set_uint64_param(~uint64_t{0}); });
  expect("timeout", [](auto* p) { p->set_string_param("1s"); });
  expect("sequence_id", [](auto* p) { p->set_int64_param(3); });
  expect("sequence_start", [](auto* p) { p->set_bool_param(true); });
  expect("triton_other", [](auto* p) { p->set_string_param("x"); });
}

// Answers.
class InferenceResponseTest : public InferenceConversionTest {
 protected:
  static OutputTensor Tensor(std::vector<int64_t> shape, uint8_t fill) {
    size_t bytes = 4;
    for (const int64_t side : shape) bytes *= side;
    return {DataType::kFloat32, std::move(shape), Bytes::Own(std::vector<uint8_t>(bytes, fill))};
  }

  // What the backbone gave for an image of `tokens` x 1 tokens.
  static ItemResult Answered(int tokens, uint8_t fill) {
    ItemResult result;
    ItemOutputs outputs(1);
    outputs[0].summary = Tensor({8}, fill);
    outputs[0].features = Tensor({tokens, 8}, static_cast<uint8_t>(fill + 1));
    result.outputs = std::move(outputs);
    result.source_size = result.model_size = {16 * tokens, 16};
    result.timings = {absl::Milliseconds(fill), absl::Milliseconds(10 - fill),
                      absl::Microseconds(7)};
    return result;
  }

  InferenceReply Reply(const std::vector<const char*>& outputs) {
    auto request = Convert([&](ModelInferRequest* m) {
      m->set_id("id");
      for (const char* name : outputs) m->add_outputs()->set_name(name);
    });
    EXPECT_TRUE(request.ok()) << request.status();
    return request->reply;
  }

  // Parses what travels.
  template <typename Message>
  static Message Parse(WireMessage wire) {
    const size_t size = wire.size();
    grpc::ByteBuffer buffer = std::move(wire).ToByteBuffer();
    EXPECT_EQ(buffer.Length(), size);
    Message message;
    EXPECT_TRUE(ParseMessage(&buffer, &message).ok());
    return message;
  }
};

TEST_F(InferenceResponseTest, ImagesAreJoinedIntoOneTensorForEachOutput) {
  // Features large enough to travel as slices, and summaries that are not.
  std::vector<ItemResult> results;
  results.push_back(Answered(300, 1));
  results.push_back(Answered(300, 5));
  auto wire = EncodeInferenceResponse(Reply({"features", "summary"}), std::move(results));
  ASSERT_TRUE(wire.ok()) << wire.status();
  const auto response = Parse<ModelInferResponse>(*std::move(wire));
  EXPECT_EQ(response.model_name(), "m");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "id");
  ASSERT_EQ(response.outputs_size(), 2);
  EXPECT_EQ(response.outputs(0).name(), "features");
  EXPECT_EQ(response.outputs(0).datatype(), "FP32");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 300, 8));
  EXPECT_THAT(response.outputs(1).shape(), ElementsAre(2, 8));
  ASSERT_EQ(response.raw_output_contents_size(), 2);
  EXPECT_EQ(response.raw_output_contents(0), std::string(9600, 2) + std::string(9600, 6));
  EXPECT_EQ(response.raw_output_contents(1), std::string(32, 1) + std::string(32, 5));
  // Of the image that took longest.
  EXPECT_EQ(response.parameters().at("preprocess_us").int64_param(), 5000);
  EXPECT_EQ(response.parameters().at("queue_us").int64_param(), 9000);
  EXPECT_EQ(response.parameters().at("inference_us").int64_param(), 7);
  EXPECT_EQ(response.parameters().at("grid_height").int64_param(), 300);
  EXPECT_EQ(response.parameters().at("grid_width").int64_param(), 1);
  EXPECT_EQ(response.parameters().at("embedding_space").string_param(), "test-space");
  EXPECT_EQ(response.parameters().count("triton_final_response"), 0u);
}

TEST_F(InferenceResponseTest, FeaturesOfDifferentShapesFormNoTensorButSummariesDo) {
  std::vector<ItemResult> results;
  results.push_back(Answered(3, 1));
  results.push_back(Answered(2, 2));
  const auto refused = EncodeInferenceResponse(Reply({"summary", "features"}), std::move(results));
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kRequestInvalid);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("[3, 8], image 1 has [2, 8]"));
  results.clear();
  results.push_back(Answered(3, 1));
  results.push_back(Answered(2, 2));
  auto wire = EncodeInferenceResponse(Reply({"summary"}), std::move(results));
  ASSERT_TRUE(wire.ok()) << wire.status();
  const auto response = Parse<ModelInferResponse>(*std::move(wire));
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 8));
  EXPECT_EQ(response.parameters().count("grid_height"), 0u);
}

TEST_F(InferenceResponseTest, OneBadImageFailsTheRequestWithItsReason) {
  std::vector<ItemResult> results(3);
  results[0] = Answered(3, 1);
  results[1].outputs = MakeError(Reason::kImageUndecodable, "no picture");
  results[2].outputs = MakeError(Reason::kInferenceFailed, "later");
  const absl::Status status =
      EncodeInferenceResponse(Reply({"summary"}), std::move(results)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kImageUndecodable);
  EXPECT_EQ(status.message(), "image 1: no picture");
}

TEST_F(InferenceResponseTest, AnswersOfAStreamCarryTheIdAndTheErrorsReason) {
  InferenceReply reply = Reply({"summary"});
  reply.mark_final = true;
  std::vector<ItemResult> results;
  results.push_back(Answered(3, 1));
  auto wire = EncodeInferenceResponse(reply, std::move(results));
  ASSERT_TRUE(wire.ok());
  const auto good =
      Parse<inference::ModelStreamInferResponse>(EncodeInferenceStreamResponse(*std::move(wire)));
  EXPECT_EQ(good.error_message(), "");
  EXPECT_EQ(good.infer_response().id(), "id");
  EXPECT_TRUE(good.infer_response().parameters().at("triton_final_response").bool_param());
  EXPECT_EQ(good.infer_response().raw_output_contents_size(), 1);

  const auto bad = Parse<inference::ModelStreamInferResponse>(
      EncodeInferenceStreamError(reply, MakeError(Reason::kQueueFull, "later, please")));
  EXPECT_EQ(bad.error_message(), "QUEUE_FULL: later, please");
  EXPECT_EQ(bad.infer_response().id(), "id");
}

}  // namespace
}  // namespace radio::server
