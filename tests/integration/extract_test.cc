// Extract, end to end in one process.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "google/rpc/error_details.pb.h"
#include "model/base/mutex.h"
#include "model/errors.h"
#include "tests/testing/encode_image.h"
#include "tests/testing/gate.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

grpc::Status Extract(TestServer* server, const v1::ExtractRequest& request,
                     v1::ExtractResponse* response) {
  grpc::ClientContext context;
  return server->stub().Extract(&context, request, response);
}

TEST(ExtractTest, ImagesOfAnySizeAreAnsweredInRequestOrder) {
  TestServer server;
  v1::ExtractRequest request;
  *request.add_images() = PixelImage(32, 48, 10);
  *request.add_images() = PixelImage(64, 16, 20);
  *request.add_images() = PixelImage(16, 16, 30);
  v1::ExtractResponse response;
  ASSERT_TRUE(Extract(&server, request, &response).ok());
  EXPECT_EQ(response.model(), "m");
  EXPECT_EQ(response.embedding_space(), "test-space");
  ASSERT_EQ(response.results_size(), 3);
  for (int i = 0; i < 3; ++i) {
    const v1::ImageResult& result = response.results(i);
    EXPECT_EQ(result.status().code(), 0);
    ASSERT_EQ(result.outputs_size(), 1);
    EXPECT_EQ(result.outputs(0).adaptor(), "backbone");
    EXPECT_FLOAT_EQ(FirstValue(result.outputs(0).summary()), (i + 1) * 10 / 255.0f);
  }
  EXPECT_THAT(response.results(0).outputs(0).features().shape(), ElementsAre(6, 8));
  EXPECT_THAT(response.results(1).outputs(0).features().shape(), ElementsAre(4, 8));
  const v1::Geometry& geometry = response.results(1).geometry();
  EXPECT_EQ(geometry.source_height(), 64);
  EXPECT_EQ(geometry.model_width(), 16);
  EXPECT_EQ(geometry.grid_height(), 4);
}

TEST(ExtractTest, OutputsComeInTheRequestsOrderAndLayout) {
  TestServer server;
  v1::ExtractRequest request = PixelRequest(10);
  v1::OutputSpec* sam = request.add_outputs();
  sam->set_adaptor("sam");
  sam->set_features(true);
  sam->set_layout(v1::FEATURE_LAYOUT_NCHW);
  v1::OutputSpec* clip = request.add_outputs();
  clip->set_adaptor("clip");
  clip->set_summary(true);
  v1::ExtractResponse response;
  ASSERT_TRUE(Extract(&server, request, &response).ok());
  const v1::ImageResult& result = response.results(0);
  ASSERT_EQ(result.outputs_size(), 2);
  EXPECT_EQ(result.outputs(0).adaptor(), "sam");
  EXPECT_THAT(result.outputs(0).features().shape(), ElementsAre(6, 2, 2));
  EXPECT_FALSE(result.outputs(0).has_summary());
  EXPECT_EQ(result.outputs(1).adaptor(), "clip");
  EXPECT_THAT(result.outputs(1).summary().shape(), ElementsAre(4));
  EXPECT_FALSE(result.outputs(1).has_features());
}

TEST(ExtractTest, ABadImageFailsAloneWithItsReason) {
  TestServer server;
  v1::Image wrong_bytes = PixelImage(32, 32, 1);
  wrong_bytes.mutable_tensor()->mutable_data()->pop_back();
  v1::Image noise;
  noise.set_encoded("this is no picture");
  const std::vector<std::pair<v1::Image, std::string>> cases = {
      {v1::Image(), "REQUEST_INVALID"},
      {wrong_bytes, "TENSOR_INVALID"},
      {noise, "IMAGE_UNDECODABLE"},
      {PixelImage(33, 32, 1), "RESOLUTION_UNSUPPORTED"},
      {PixelImage(2048, 16, 1), "RESOLUTION_UNSUPPORTED"},
  };
  for (const auto& [image, reason] : cases) {
    v1::ExtractRequest request = PixelRequest(10);
    *request.add_images() = image;
    *request.add_images() = PixelImage(32, 32, 30);
    v1::ExtractResponse response;
    ASSERT_TRUE(Extract(&server, request, &response).ok()) << reason;
    EXPECT_FLOAT_EQ(FirstValue(response.results(0).outputs(0).summary()), 10 / 255.0f);
    EXPECT_EQ(response.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonOf(response.results(1).status()), reason);
    EXPECT_EQ(response.results(1).outputs_size(), 0);
    EXPECT_FLOAT_EQ(FirstValue(response.results(2).outputs(0).summary()), 30 / 255.0f);
  }
}

TEST(ExtractTest, EncodedImagesAreDecodedAndResized) {
  TestServer server;
  v1::ExtractRequest request;
  const std::vector<uint8_t> pixels(40 * 70 * 3, uint8_t{200});
  const Encoded png = EncodePng({{40, 70}, pixels});
  request.add_images()->set_encoded(png.data(), png.size());
  request.mutable_preprocessing()->set_resize(v1::RESIZE_MODE_NEAREST_SUPPORTED);
  v1::ExtractResponse response;
  ASSERT_TRUE(Extract(&server, request, &response).ok());
  const v1::ImageResult& result = response.results(0);
  ASSERT_EQ(result.status().code(), 0) << result.status().message();
  EXPECT_EQ(result.geometry().source_height(), 40);
  EXPECT_EQ(result.geometry().source_width(), 70);
  // 40 is two and a half steps: to even.
  EXPECT_EQ(result.geometry().model_height(), 32);
  EXPECT_EQ(result.geometry().model_width(), 64);
  EXPECT_FLOAT_EQ(FirstValue(result.outputs(0).summary()), 200 / 255.0f);
}

TEST(ExtractTest, AnImageThatIsCostlyToDecodeFailsAlone) {
  TestServer::Options options;
  options.configure = [](config::ServerConfig* config) {
    config->mutable_decode()->set_max_cpu_ms(1);
  };
  TestServer server(options);
  v1::ExtractRequest request = PixelRequest(1);
  const Encoded png = EncodePng(MakePicture({2000, 2000}));
  request.add_images()->set_encoded(png.data(), png.size());
  request.mutable_preprocessing()->set_resize(v1::RESIZE_MODE_NEAREST_SUPPORTED);
  v1::ExtractResponse response;
  ASSERT_TRUE(Extract(&server, request, &response).ok());
  EXPECT_EQ(response.results(0).status().code(), 0);
  EXPECT_EQ(ReasonOf(response.results(1).status()), "IMAGE_TOO_COSTLY");
}

TEST(ExtractTest, WhatConcernsTheWholeRequestEndsTheCall) {
  TestServer::Options options;
  options.configure = [](config::ServerConfig* config) { config->set_max_images_per_request(4); };
  TestServer server(options);
  const auto expect = [&](const v1::ExtractRequest& request, grpc::StatusCode code,
                          absl::string_view reason) {
    v1::ExtractResponse response;
    const grpc::Status status = Extract(&server, request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(ReasonOf(status), reason);
  };
  expect({}, grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID");
  v1::ExtractRequest many;
  for (int i = 0; i < 5; ++i) *many.add_images() = PixelImage(16, 16, 1);
  expect(many, grpc::StatusCode::INVALID_ARGUMENT, "TOO_MANY_ITEMS");
  v1::ExtractRequest model = PixelRequest(1);
  model.set_model("nonesuch");
  expect(model, grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND");
  v1::ExtractRequest adaptor = PixelRequest(1);
  adaptor.add_outputs()->set_adaptor("nonesuch");
  expect(adaptor, grpc::StatusCode::NOT_FOUND, "ADAPTOR_NOT_FOUND");
  v1::ExtractRequest nothing = PixelRequest(1);
  nothing.add_outputs();
  expect(nothing, grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID");
  v1::ExtractRequest bytes = PixelRequest(1);
  bytes.add_outputs()->set_features(true);
  bytes.mutable_outputs(0)->set_data_type(v1::DATA_TYPE_UINT8);
  expect(bytes, grpc::StatusCode::INVALID_ARGUMENT, "OUTPUT_UNSUPPORTED");
}

TEST(ExtractTest, BytesThatAreNoRequestAreRefused) {
  TestServer server;
  grpc::GenericStub stub(server.channel());
  const grpc::Slice garbage("\xFF\xFF\xFF\xFF\xFF");
  grpc::ByteBuffer request(&garbage, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, "/radio.v1.FeatureService/Extract", request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID");
}

TEST(ExtractTest, AnImageThatBreaksTheEngineFailsAlone) {
  TestServer::Options options;
  options.hook = [](absl::Span<const BatchItem> batch) {
    for (const BatchItem& item : batch) {
      if (item.image->pixels.data[0] == 13) {
        return MakeError(Reason::kInferenceFailed, "poisoned");
      }
    }
    return absl::OkStatus();
  };
  TestServer server(options);
  v1::ExtractRequest request;
  for (const int value : {10, 13, 30, 40}) *request.add_images() = PixelImage(32, 32, value);
  v1::ExtractResponse response;
  ASSERT_TRUE(Extract(&server, request, &response).ok());
  EXPECT_EQ(response.results(1).status().code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(ReasonOf(response.results(1).status()), "INFERENCE_FAILED");
  for (const int i : {0, 2, 3}) EXPECT_EQ(response.results(i).status().code(), 0);
}

// Runs hold at a gate, so that a test can let time pass while one is on; remembers the first pixel
// of every image that ran.
class GatedTest : public testing::Test {
 protected:
  GatedTest() {
    options_.hook = [this](absl::Span<const BatchItem> batch) {
      {
        MutexLock lock(&mutex_);
        for (const BatchItem& item : batch) ran_.insert(item.image->pixels.data[0]);
      }
      gate_.Pass();
      return absl::OkStatus();
    };
    gate_.Close();
  }

  bool Ran(uint8_t value) {
    MutexLock lock(&mutex_);
    return ran_.count(value) > 0;
  }

  // When later calls on the same connection have been answered, the end of an earlier one has been
  // heard of.
  static void LetServerHear(TestServer* server) {
    for (int i = 0; i < 20; ++i) {
      grpc::ClientContext context;
      v1::ListModelsResponse models;
      ASSERT_TRUE(server->stub().ListModels(&context, {}, &models).ok());
    }
  }

  // A call for an image of `value`, on a thread of its own.
  std::future<grpc::Status> Begin(TestServer* server, uint8_t value, grpc::ClientContext* context) {
    return std::async(std::launch::async, [=] {
      v1::ExtractResponse response;
      return server->stub().Extract(context, PixelRequest(value), &response);
    });
  }

  TestServer::Options options_;
  Gate gate_;
  Mutex mutex_;
  std::set<uint8_t> ran_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(GatedTest, AnImageWhoseDeadlinePassesInTheQueueNeverRuns) {
  TestServer server(options_);
  grpc::ClientContext first_context;
  std::future<grpc::Status> first = Begin(&server, 1, &first_context);
  gate_.AwaitWaiting(1);
  grpc::ClientContext second_context;
  second_context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  std::future<grpc::Status> second = Begin(&server, 2, &second_context);
  server.AwaitMetric("radio_queue_depth{model=\"m\"}", 1);
  EXPECT_EQ(second.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  LetServerHear(&server);
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
  server.AwaitMetric("radio_inflight_items", 0);
  EXPECT_FALSE(Ran(2));
}

TEST_F(GatedTest, TheServersOwnDeadlineEndsInAnAnswerThatSaysSo) {
  options_.configure = [](config::ServerConfig* config) { config->set_default_deadline_ms(1); };
  TestServer server(options_);
  v1::ExtractResponse response;
  grpc::ClientContext first_context;
  first_context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  std::future<grpc::Status> first = Begin(&server, 1, &first_context);
  gate_.AwaitWaiting(1);
  std::future<grpc::Status> second = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    return server.stub().Extract(&context, PixelRequest(2), &response);
  });
  server.AwaitMetric("radio_images_received_total{model=\"m\"}", 2);
  gate_.Open();
  ASSERT_TRUE(second.get().ok());
  EXPECT_TRUE(first.get().ok());
  EXPECT_EQ(response.results(0).status().code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ReasonOf(response.results(0).status()), "EXPIRED_IN_QUEUE");
  EXPECT_EQ(server.Metric("radio_images_total{model=\"m\",outcome=\"expired\"}"), 1);
  EXPECT_FALSE(Ran(2));
}

TEST_F(GatedTest, AnImageWhoseCallerLeavesNeverRuns) {
  TestServer server(options_);
  grpc::ClientContext first_context;
  std::future<grpc::Status> first = Begin(&server, 1, &first_context);
  gate_.AwaitWaiting(1);
  grpc::ClientContext second_context;
  std::future<grpc::Status> second = Begin(&server, 2, &second_context);
  server.AwaitMetric("radio_queue_depth{model=\"m\"}", 1);
  second_context.TryCancel();
  EXPECT_EQ(second.get().error_code(), grpc::StatusCode::CANCELLED);
  LetServerHear(&server);
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
  server.AwaitMetric("radio_images_total{model=\"m\",outcome=\"cancelled\"}", 1);
  EXPECT_FALSE(Ran(2));
  server.AwaitMetric("radio_inflight_items", 0);
}

TEST_F(GatedTest, WithoutRoomACallIsRefusedAtOnceAndToldWhenToComeBack) {
  options_.configure = [](config::ServerConfig* config) {
    config->set_max_images_per_request(1);
    config->set_max_inflight_items(1);
  };
  TestServer server(options_);
  grpc::ClientContext first_context;
  std::future<grpc::Status> first = Begin(&server, 1, &first_context);
  gate_.AwaitWaiting(1);
  grpc::ClientContext second_context;
  const grpc::Status refused = Begin(&server, 2, &second_context).get();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_EQ(second_context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
  // The permit is given back when the answer has left.
  server.AwaitMetric("radio_inflight_items", 0);
  EXPECT_EQ(server.Metric("radio_images_total{model=\"m\",outcome=\"rejected\"}"), 1);
}

TEST(ModelsTest, ModelsAreListedInConfigurationOrder) {
  TestServer::Options options;
  options.models = {"b-model", "a-model"};
  TestServer server(options);
  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  ASSERT_TRUE(server.stub().ListModels(&list_context, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_EQ(list.models(0).name(), "b-model");
  EXPECT_EQ(list.models(1).name(), "a-model");
  EXPECT_TRUE(list.models(0).ready());
  EXPECT_EQ(list.models(0).adaptors(1).name(), "clip");

  grpc::ClientContext get_context;
  v1::GetModelResponse got;
  ASSERT_TRUE(server.stub().GetModel(&get_context, {}, &got).ok());
  EXPECT_EQ(got.model().name(), "b-model");

  grpc::ClientContext unknown_context;
  v1::GetModelRequest unknown;
  unknown.set_model("nonesuch");
  const grpc::Status status = server.stub().GetModel(&unknown_context, unknown, &got);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "MODEL_NOT_FOUND");
  EXPECT_THAT(status.error_message(), HasSubstr("b-model,a-model"));
}

}  // namespace
}  // namespace radio
