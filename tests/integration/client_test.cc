// The C++ client against the whole server in one process.
#include <gmock/gmock.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "client/errors.h"
#include "client/feature_client.h"
#include "model/base/mutex.h"
#include "tests/testing/test_server.h"

namespace radio::client {
namespace {

std::unique_ptr<FeatureClient> ClientOf(TestServer* server) {
  ClientOptions options;
  options.server = server->server().grpc_address();
  return *FeatureClient::Connect(options);
}

TEST(ClientTest, ExtractsAndKnowsWhatFailed) {
  TestServer server;
  const auto client = ClientOf(&server);
  v1::ExtractRequest request = PixelRequest(51);
  request.add_images()->set_encoded("no image");
  const auto result = client->Extract(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->model, "m");
  ASSERT_EQ(result->images.size(), 2);
  ASSERT_TRUE(result->images[0].ok()) << result->images[0].status();
  EXPECT_FLOAT_EQ((*result->images[0]->Summary()->AsFloat32())[0], 0.2f);
  EXPECT_EQ(ReasonOf(result->images[1].status()), "IMAGE_UNDECODABLE");
}

TEST(ClientTest, StreamsManyImages) {
  TestServer server;
  const auto client = ClientOf(&server);
  Mutex mutex;
  std::map<std::string, float> answers;
  const auto stream = client->ExtractStream(
      StreamOptions(), [&](const std::string& id, const absl::StatusOr<ImageFeatures>& result) {
        ASSERT_TRUE(result.ok()) << id << ": " << result.status();
        MutexLock lock(&mutex);
        answers[id] = (*result->Summary()->AsFloat32())[0];
      });
  for (int i = 0; i < 200; ++i) {
    const auto value = static_cast<uint8_t>(i);
    ASSERT_TRUE(stream->Send(absl::StrCat(i), PixelImage(32, 32 + 16 * (i % 3), value)).ok());
  }
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(answers.size(), 200);
  for (int i = 0; i < 200; ++i) EXPECT_FLOAT_EQ(answers[absl::StrCat(i)], i / 255.0f);
}

TEST(ClientTest, SeesModelsAndHealth) {
  TestServer server;
  const auto client = ClientOf(&server);
  const auto models = client->ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ((*models)[0].name(), "m");
  EXPECT_EQ(ReasonOf(client->GetModel("nonesuch").status()), "MODEL_NOT_FOUND");
  for (const char* service : {"", "readiness", "liveness", "m"}) {
    EXPECT_EQ(*client->Health(service), grpc::health::v1::HealthCheckResponse::SERVING);
  }
}

TEST(ClientTest, AServerThatHasDrainedIsUnavailable) {
  TestServer server;
  const auto client = ClientOf(&server);
  ASSERT_TRUE(client->Extract(PixelRequest(1)).ok());
  server.server().Shutdown();
  const absl::Status refused = client->Extract(PixelRequest(1)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace radio::client
