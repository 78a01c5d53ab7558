// The Open Inference Protocol, end to end in one process.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <map>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "inference/grpc_inference_service.grpc.pb.h"
#include "model/errors.h"
#include "tests/testing/encode_image.h"
#include "tests/testing/gate.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// A request for images of 32 x 32 whose every byte is that of `values`.
ModelInferRequest Pixels(const std::vector<uint8_t>& values, const std::string& id = "") {
  constexpr size_t kBytes = 3 * 32 * 32;
  ModelInferRequest request;
  request.set_id(id);
  auto* input = request.add_inputs();
  input->set_name("image");
  input->set_datatype("UINT8");
  for (const int64_t side :
       {static_cast<int64_t>(values.size()), int64_t{3}, int64_t{32}, int64_t{32}}) {
    input->add_shape(side);
  }
  std::string* raw = request.add_raw_input_contents();
  for (const uint8_t value : values) raw->append(kBytes, static_cast<char>(value));
  return request;
}

ModelInferRequest Files(const std::vector<std::string>& files) {
  ModelInferRequest request;
  auto* input = request.add_inputs();
  input->set_name("encoded");
  input->set_datatype("BYTES");
  input->add_shape(static_cast<int64_t>(files.size()));
  for (const std::string& file : files) input->mutable_contents()->add_bytes_contents(file);
  return request;
}

std::string Png(int height, int width, uint8_t value) {
  const std::vector<uint8_t> pixels(static_cast<size_t>(height) * width * 3, value);
  const Encoded png = EncodePng({{height, width}, pixels});
  return std::string(png.begin(), png.end());
}

void Ask(const std::vector<const char*>& outputs, ModelInferRequest* request) {
  for (const char* name : outputs) request->add_outputs()->set_name(name);
}

// Element `index` of a raw tensor of floats.
float ValueAt(const std::string& raw, size_t index) {
  float value = -1;
  if (raw.size() >= 4 * (index + 1)) std::memcpy(&value, &raw[4 * index], 4);
  return value;
}

class InferenceTest : public testing::Test {
 protected:
  InferenceTest() {
    options_.hook = [this](absl::Span<const BatchItem> batch) {
      gate_.Pass();
      for (const BatchItem& item : batch) {
        if (item.image->pixels.data[0] == 13) {
          return MakeError(Reason::kInferenceFailed, "poisoned");
        }
      }
      return absl::OkStatus();
    };
  }
  // A test that fails may leave a run at the gate.
  ~InferenceTest() override { gate_.Open(); }

  void Start() {
    server_ = std::make_unique<TestServer>(options_);
    stub_ = GRPCInferenceService::NewStub(server_->channel());
  }

  grpc::Status Infer(const ModelInferRequest& request, ModelInferResponse* response) {
    grpc::ClientContext context;
    return stub_->ModelInfer(&context, request, response);
  }

  void ExpectError(const ModelInferRequest& request, grpc::StatusCode code,
                   const std::string& reason) {
    ModelInferResponse response;
    const grpc::Status status = Infer(request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(ReasonOf(status), reason);
    EXPECT_FALSE(status.error_message().empty());
  }

  // A call of one of the stub's plain methods.
  template <typename Response, typename Method, typename Request>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    return ((*stub_).*method)(&context, request, response);
  }

  TestServer::Options options_;
  Gate gate_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<GRPCInferenceService::Stub> stub_;
};

TEST_F(InferenceTest, ABatchIsAnsweredAsOneTensorForEachOutput) {
  Start();
  ModelInferRequest request = Pixels({10, 20, 30}, "r1");
  Ask({"clip_features", "summary"}, &request);
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.model_name(), "m");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "r1");
  ASSERT_EQ(response.outputs_size(), 2);
  EXPECT_EQ(response.outputs(0).name(), "clip_features");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(3, 4, 6));
  EXPECT_THAT(response.outputs(1).shape(), ElementsAre(3, 8));
  ASSERT_EQ(response.raw_output_contents_size(), 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FLOAT_EQ(ValueAt(response.raw_output_contents(0), i * 24), (i + 1) * 10 / 255.0f);
    EXPECT_FLOAT_EQ(ValueAt(response.raw_output_contents(1), i * 8 + 7), (i + 1) * 10 / 255.0f);
  }
  EXPECT_EQ(response.parameters().at("grid_width").int64_param(), 2);
}

TEST_F(InferenceTest, WithoutOutputsAllOfTheModelAreAnswered) {
  Start();
  ModelInferResponse response;
  ASSERT_TRUE(Infer(Pixels({10}), &response).ok());
  std::vector<std::string> names;
  for (const auto& output : response.outputs()) names.push_back(output.name());
  EXPECT_THAT(names,
              ElementsAre("summary", "features", "clip_summary", "clip_features", "sam_features"));
  EXPECT_EQ(response.raw_output_contents_size(), 5);
}

TEST_F(InferenceTest, FilesAreDecodedAndResizedAsTheParameterSays) {
  Start();
  ModelInferRequest request = Files({Png(40, 70, 200), Png(34, 65, 100)});
  (*request.mutable_parameters())["resize"].set_string_param("nearest");
  Ask({"features"}, &request);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 8, 8));
  EXPECT_FLOAT_EQ(ValueAt(response.raw_output_contents(0), 64), 100 / 255.0f);
  EXPECT_EQ(response.parameters().at("grid_height").int64_param(), 2);
  EXPECT_EQ(response.parameters().at("grid_width").int64_param(), 4);
}

TEST_F(InferenceTest, FilesOfSeveralSizesHaveSummariesButNoTensorOfFeatures) {
  Start();
  ModelInferRequest request = Files({Png(32, 64, 200), Png(64, 64, 100)});
  Ask({"summary"}, &request);
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 8));
  Ask({"features"}, &request);
  ExpectError(request, grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID");
}

TEST_F(InferenceTest, OneBadImageFailsTheRequestWithItsReason) {
  Start();
  ExpectError(Files({Png(32, 32, 1), "no picture"}), grpc::StatusCode::INVALID_ARGUMENT,
              "IMAGE_UNDECODABLE");
  ExpectError(Files({Png(33, 32, 1)}), grpc::StatusCode::INVALID_ARGUMENT,
              "RESOLUTION_UNSUPPORTED");
  ExpectError(Pixels({10, 13, 30}), grpc::StatusCode::INTERNAL, "INFERENCE_FAILED");
  ModelInferResponse response;
  EXPECT_TRUE(Infer(Pixels({10, 20, 30}), &response).ok());
}

TEST_F(InferenceTest, WhatIsWrongWithTheRequestHasTheSameReasonsAsInRadioV1) {
  options_.configure = [](config::ServerConfig* config) { config->set_max_images_per_request(2); };
  Start();
  ExpectError({}, grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID");
  ExpectError(Pixels({1, 2, 3}), grpc::StatusCode::INVALID_ARGUMENT, "TOO_MANY_ITEMS");
  ModelInferRequest output = Pixels({1});
  Ask({"siglip_summary"}, &output);
  ExpectError(output, grpc::StatusCode::INVALID_ARGUMENT, "OUTPUT_UNSUPPORTED");
  ModelInferRequest type = Pixels({1});
  type.mutable_inputs(0)->set_datatype("INT32");
  ExpectError(type, grpc::StatusCode::INVALID_ARGUMENT, "TENSOR_INVALID");
  ModelInferRequest model = Pixels({1});
  model.set_model_name("nonesuch");
  ExpectError(model, grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND");
  server_->AwaitMetric("radio_rejected_total{model=\"m\",reason=\"TENSOR_INVALID\"}", 1);
  server_->AwaitMetric(
      "radio_requests_total{grpc_code=\"NOT_FOUND\",method=\"ModelInfer\",model=\"other\"}", 1);
}

TEST_F(InferenceTest, WithoutRoomARequestIsRefusedAndToldWhenToComeBack) {
  options_.configure = [](config::ServerConfig* config) {
    config->set_max_images_per_request(1);
    config->set_max_inflight_items(1);
  };
  gate_.Close();
  Start();
  std::future<grpc::Status> first = std::async(std::launch::async, [&] {
    ModelInferResponse response;
    return Infer(Pixels({1}), &response);
  });
  gate_.AwaitWaiting(1);
  grpc::ClientContext context;
  ModelInferResponse response;
  const grpc::Status refused = stub_->ModelInfer(&context, Pixels({2}), &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
}

TEST_F(InferenceTest, ARequestWaitsNoLongerThanItsTimeoutSays) {
  gate_.Close();
  Start();
  std::future<grpc::Status> first = std::async(std::launch::async, [&] {
    ModelInferResponse response;
    return Infer(Pixels({1}), &response);
  });
  gate_.AwaitWaiting(1);
  ModelInferRequest hasty = Pixels({2});
  (*hasty.mutable_parameters())["timeout"].set_int64_param(1);
  std::future<grpc::Status> second = std::async(std::launch::async, [&] {
    ModelInferResponse response;
    return Infer(hasty, &response);
  });
  server_->AwaitMetric("radio_images_received_total{model=\"m\"}", 2);
  gate_.Open();
  const grpc::Status late = second.get();
  EXPECT_EQ(late.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << late.error_message();
  EXPECT_TRUE(first.get().ok());
}

TEST_F(InferenceTest, EveryMethodAsksForTheToken) {
  const std::string file = testing::TempDir() + "/inference_tokens";
  std::ofstream(file) << "secret\n";
  options_.configure = [&](config::ServerConfig* config) { config->set_auth_token_file(file); };
  Start();
  ExpectError(Pixels({1}), grpc::StatusCode::UNAUTHENTICATED, "CREDENTIAL_MISSING");
  inference::ServerLiveResponse live;
  EXPECT_EQ(ReasonOf(Call(&GRPCInferenceService::Stub::ServerLive, inference::ServerLiveRequest(),
                          &live)),
            "CREDENTIAL_MISSING");
  inference::ModelStatisticsResponse statistics;
  EXPECT_EQ(ReasonOf(Call(&GRPCInferenceService::Stub::ModelStatistics,
                          inference::ModelStatisticsRequest(), &statistics)),
            "CREDENTIAL_MISSING");
  grpc::ClientContext stream_context;
  const auto stream = stub_->ModelStreamInfer(&stream_context);
  inference::ModelStreamInferResponse answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(ReasonOf(stream->Finish()), "CREDENTIAL_MISSING");
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer secret");
  ModelInferResponse response;
  EXPECT_TRUE(stub_->ModelInfer(&context, Pixels({1}), &response).ok());
}

TEST_F(InferenceTest, ReadinessFollowsTheDrain) {
  Start();
  const auto ready = [&] {
    inference::ServerReadyResponse server;
    inference::ModelReadyResponse model;
    inference::ModelReadyRequest request;
    request.set_name("m");
    EXPECT_TRUE(
        Call(&GRPCInferenceService::Stub::ServerReady, inference::ServerReadyRequest(), &server)
            .ok());
    EXPECT_TRUE(Call(&GRPCInferenceService::Stub::ModelReady, request, &model).ok());
    EXPECT_EQ(server.ready(), model.ready());
    return server.ready();
  };
  EXPECT_TRUE(ready());
  inference::ModelReadyRequest unknown;
  unknown.set_name("nonesuch");
  inference::ModelReadyResponse model;
  EXPECT_TRUE(Call(&GRPCInferenceService::Stub::ModelReady, unknown, &model).ok());
  EXPECT_FALSE(model.ready());

  server_->server().LeaveService();
  EXPECT_FALSE(ready());
  inference::ServerLiveResponse live;
  EXPECT_TRUE(
      Call(&GRPCInferenceService::Stub::ServerLive, inference::ServerLiveRequest(), &live).ok());
  EXPECT_TRUE(live.live());
  inference::RepositoryIndexRequest only_ready;
  only_ready.set_ready(true);
  inference::RepositoryIndexResponse index;
  EXPECT_TRUE(Call(&GRPCInferenceService::Stub::RepositoryIndex, only_ready, &index).ok());
  EXPECT_EQ(index.models_size(), 0);
}

TEST_F(InferenceTest, MetadataConfigurationAndIndexDescribeTheModels) {
  options_.models = {"m", "n"};
  Start();
  inference::ModelMetadataRequest metadata_request;
  metadata_request.set_name("n");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelMetadata, metadata_request, &metadata).ok());
  EXPECT_EQ(metadata.name(), "n");
  EXPECT_EQ(metadata.outputs_size(), 5);
  metadata_request.set_version("3");
  EXPECT_EQ(ReasonOf(Call(&GRPCInferenceService::Stub::ModelMetadata, metadata_request, &metadata)),
            "MODEL_NOT_FOUND");
  inference::ModelConfigRequest config_request;
  config_request.set_name("n");
  config_request.set_version("1");
  inference::ModelConfigResponse config;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelConfig, config_request, &config).ok());
  EXPECT_EQ(config.config().name(), "n");
  EXPECT_EQ(config.config().max_batch_size(), 256);
  inference::ServerMetadataResponse server;
  ASSERT_TRUE(
      Call(&GRPCInferenceService::Stub::ServerMetadata, inference::ServerMetadataRequest(), &server)
          .ok());
  EXPECT_FALSE(server.version().empty());
  inference::RepositoryIndexResponse index;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::RepositoryIndex,
                   inference::RepositoryIndexRequest(), &index)
                  .ok());
  ASSERT_EQ(index.models_size(), 2);
  EXPECT_EQ(index.models(1).name(), "n");
  EXPECT_EQ(index.models(1).state(), "READY");

  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest check;
  check.set_service("inference.GRPCInferenceService");
  grpc::health::v1::HealthCheckResponse health;
  ASSERT_TRUE(
      grpc::health::v1::Health::NewStub(server_->channel())->Check(&context, check, &health).ok());
  EXPECT_EQ(health.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(InferenceTest, StatisticsCountImagesOfEveryProtocol) {
  Start();
  ModelInferResponse response;
  ASSERT_TRUE(Infer(Pixels({10, 20, 30}), &response).ok());
  EXPECT_FALSE(Infer(Pixels({13}), &response).ok());
  grpc::ClientContext context;
  v1::ExtractResponse extracted;
  ASSERT_TRUE(server_->stub().Extract(&context, PixelRequest(7), &extracted).ok());
  inference::ModelStatisticsResponse statistics;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelStatistics,
                   inference::ModelStatisticsRequest(), &statistics)
                  .ok());
  ASSERT_EQ(statistics.model_stats_size(), 1);
  const inference::ModelStatistics& stats = statistics.model_stats(0);
  EXPECT_EQ(stats.inference_count(), 4u);
  EXPECT_EQ(stats.inference_stats().success().count(), 4u);
  EXPECT_EQ(stats.inference_stats().fail().count(), 1u);
  EXPECT_GE(stats.execution_count(), 3u);
  EXPECT_GT(stats.last_inference(), 1600000000000u);
  uint64_t images = 0;
  for (const auto& batch : stats.batch_stats()) {
    images += batch.batch_size() * batch.compute_infer().count();
  }
  EXPECT_EQ(images, 5u);
  inference::ModelStatisticsRequest unknown;
  unknown.set_name("nonesuch");
  EXPECT_EQ(ReasonOf(Call(&GRPCInferenceService::Stub::ModelStatistics, unknown, &statistics)),
            "MODEL_NOT_FOUND");
}

TEST_F(InferenceTest, AStreamAnswersUnderIdsAndOutlivesFailures) {
  Start();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(stream->Write(Pixels({static_cast<uint8_t>(60 + i), 5}, absl::StrCat(i))));
  }
  ASSERT_TRUE(stream->Write(Files({"no picture"})));
  ModelInferRequest bad = Pixels({1}, "bad");
  bad.set_model_name("nonesuch");
  ASSERT_TRUE(stream->Write(bad));
  stream->WritesDone();
  std::map<std::string, float> answers;
  std::map<std::string, std::string> errors;
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) {
    const ModelInferResponse& answer = response.infer_response();
    if (!response.error_message().empty()) {
      errors[answer.id()] = response.error_message();
    } else {
      answers[answer.id()] = ValueAt(answer.raw_output_contents(0), 0);
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(answers.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_FLOAT_EQ(answers[absl::StrCat(i)], (60 + i) / 255.0f);
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_THAT(errors[""], StartsWith("IMAGE_UNDECODABLE: "));
  EXPECT_THAT(errors["bad"], StartsWith("MODEL_NOT_FOUND: "));
  server_->AwaitMetric("radio_inflight_items", 0);
}

TEST_F(InferenceTest, RequestsOfAStreamWithoutAnIdAreAnsweredInOrder) {
  gate_.Close();
  Start();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  // The first is held up in the engine; the second fails before it gets there.
  ASSERT_TRUE(stream->Write(Pixels({100})));
  gate_.AwaitWaiting(1);
  ASSERT_TRUE(stream->Write(Files({"no picture"})));
  ModelInferRequest invalid = Pixels({1});
  invalid.clear_inputs();
  ASSERT_TRUE(stream->Write(invalid));
  ASSERT_TRUE(stream->Write(Files({"no picture"})));
  ModelInferRequest with_id = Files({"no picture"});
  with_id.set_id("overtakes");
  ASSERT_TRUE(stream->Write(with_id));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.infer_response().id(), "overtakes");
  gate_.Open();
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.error_message(), "");
  EXPECT_FLOAT_EQ(ValueAt(response.infer_response().raw_output_contents(0), 0), 100 / 255.0f);
  for (const char* reason : {"IMAGE_UNDECODABLE", "REQUEST_INVALID", "IMAGE_UNDECODABLE"}) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_THAT(response.error_message(), StartsWith(reason));
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(InferenceTest, OnDemandAFailedRequestEndsTheStreamWithItsStatus) {
  Start();
  grpc::ClientContext context;
  context.AddMetadata("triton_grpc_error", "true");
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(Pixels({100}, "good")));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.infer_response().id(), "good");
  ASSERT_TRUE(stream->Write(Files({"no picture"})));
  while (stream->Read(&response)) EXPECT_FALSE(response.error_message().empty());
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "IMAGE_UNDECODABLE");
  server_->AwaitMetric("radio_requests_in_flight{method=\"ModelStreamInfer\"}", 0);
}

TEST_F(InferenceTest, DrainingAnswersWhatAStreamReadAndEndsIt) {
  gate_.Close();
  Start();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  for (const char* id : {"a", "b"}) ASSERT_TRUE(stream->Write(Pixels({1}, id)));
  server_->AwaitMetric("radio_inflight_items", 2);
  std::future<bool> drained =
      std::async(std::launch::async, [&] { return server_->server().Shutdown(); });
  server_->AwaitMetric("radio_draining", 1);
  gate_.Open();
  std::vector<std::string> ids;
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) ids.push_back(response.infer_response().id());
  EXPECT_THAT(ids, UnorderedElementsAre("a", "b"));
  EXPECT_EQ(ReasonOf(stream->Finish()), "SERVER_DRAINING");
  EXPECT_TRUE(drained.get());
}

TEST_F(InferenceTest, AMethodThatThereIsNotAnswersWithText) {
  Start();
  const auto call = [&](const std::string& method) {
    grpc::GenericStub stub(server_->channel());
    const grpc::Slice empty;
    grpc::ByteBuffer request(&empty, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    auto pending = stub.PrepareUnaryCall(&context, method, request, &queue);
    pending->StartCall();
    grpc::Status status;
    pending->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  };
  const std::string service = "/inference.GRPCInferenceService/";
  for (const auto& [method, text] :
       {std::pair(service + "SystemSharedMemoryRegister", "tensors travel in the messages"),
        {service + "CudaSharedMemoryStatus", "tensors travel in the messages"},
        {service + "RepositoryModelLoad", "configuration"},
        {service + "RepositoryModelUnload", "configuration"},
        {service + "TraceSetting", "no method"},
        {std::string("/nobody.Knows/This"), "no method /nobody.Knows/This"}}) {
    const grpc::Status status = call(method);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }
  ModelInferResponse response;
  EXPECT_TRUE(Infer(Pixels({1}), &response).ok());
}

}  // namespace
}  // namespace radio
