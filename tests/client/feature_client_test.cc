#include "client/feature_client.h"

#include <gmock/gmock.h>

#include <cmath>
#include <future>
#include <thread>

#include "client/errors.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

ClientOptions OptionsFor(const FakeServer& server) {
  ClientOptions options;
  options.server = server.address();
  options.retry.initial_backoff = absl::Milliseconds(1);
  options.retry.max_backoff = absl::Milliseconds(1);
  return options;
}

std::unique_ptr<FeatureClient> Connect(const ClientOptions& options) {
  auto client = FeatureClient::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

v1::ExtractRequest RequestFor(const std::vector<std::string>& images) {
  v1::ExtractRequest request;
  for (const std::string& image : images) request.add_images()->set_encoded(image);
  v1::OutputSpec* output = request.add_outputs();
  output->set_summary(true);
  output->set_features(true);
  return request;
}

// The next `failures` calls end with `status`.
void FailCalls(FakeServer* server, int failures, const grpc::Status& status,
               const std::string& pushback = "") {
  FakeBehaviour behaviour;
  const int last = server->service().record().calls + failures;
  behaviour.call_status = [=](int number, grpc::CallbackServerContext* context) {
    if (number > last) return grpc::Status::OK;
    if (!pushback.empty()) context->AddTrailingMetadata("grpc-retry-pushback-ms", pushback);
    return status;
  };
  server->service().SetBehaviour(behaviour);
}

TEST(FeatureClientTest, GivesViewsOfTheFeatures) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  const auto result = client->Extract(RequestFor({"one", "two"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->model, "fake");
  EXPECT_EQ(result->embedding_space, "fake-space");
  ASSERT_THAT(result->images, SizeIs(2));
  const auto summary = result->images[1]->Summary();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->shape(), ElementsAre(8));
  const auto values = summary->AsFloat32();
  ASSERT_TRUE(values.ok()) << values.status();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ((*values)[i], FakeFeatureService::Value("two", "backbone", true, i));
  }
  const auto& message = result->images[1]->message().outputs(0).summary().data();
  EXPECT_EQ(static_cast<const void*>(values->data()), message.data()) << "the view is a copy";
}

TEST(FeatureClientTest, AnImageFailsAloneWithItsReason) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  const auto result = client->Extract(RequestFor({"good", "broken", "fine"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->images[0].ok());
  EXPECT_TRUE(result->images[2].ok());
  const absl::Status failed = result->images[1].status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(failed), "IMAGE_UNDECODABLE");
  EXPECT_EQ(Describe(failed), "INVALID_ARGUMENT [IMAGE_UNDECODABLE]: not an image");
}

TEST(FeatureClientTest, AFailedCallKeepsTheServersReason) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  const auto model = client->GetModel("nonesuch");
  EXPECT_EQ(model.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(model.status()), "MODEL_NOT_FOUND");
  EXPECT_EQ(server.service().record().calls, 1);
}

TEST(FeatureClientTest, ListsModelsAndAsksForHealth) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  const auto models = client->ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_THAT(*models, SizeIs(1));
  EXPECT_EQ((*models)[0].name(), "fake");
  EXPECT_EQ(client->GetModel("")->name(), "fake");
  EXPECT_EQ(*client->Health(), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(*client->Health("loading"), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(client->Health("nonesuch").status().code(), absl::StatusCode::kNotFound);
}

TEST(FeatureClientTest, EveryCallHasTheDeadline) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  (void)client->Extract(RequestFor({"one"}));
  (void)client->ListModels();
  (void)client->GetModel("");
  const FakeRecord record = server.service().record();
  ASSERT_THAT(record.deadlines, SizeIs(3));
  for (absl::Duration left : record.deadlines) {
    EXPECT_GT(left, absl::Seconds(30));
    EXPECT_LE(left, absl::Seconds(61));
  }
}

TEST(FeatureClientTest, RetriesUnavailableUntilItSucceeds) {
  FakeServer server;
  FailCalls(&server, 3, {grpc::StatusCode::UNAVAILABLE, "draining"});
  const auto client = Connect(OptionsFor(server));
  EXPECT_TRUE(client->Extract(RequestFor({"one"})).ok());
  EXPECT_EQ(server.service().record().calls, 4);
}

TEST(FeatureClientTest, StopsRetryingAfterItsAttempts) {
  FakeServer server;
  FailCalls(&server, 100, {grpc::StatusCode::UNAVAILABLE, "draining"});
  const auto client = Connect(OptionsFor(server));
  EXPECT_EQ(client->ListModels().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server.service().record().calls, 5);
}

TEST(FeatureClientTest, RetriesExhaustionOnlyWhenPushedBack) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  const grpc::Status full = FakeCallError(FakeError(8, "QUEUE_FULL", "full"));
  FailCalls(&server, 1, full);
  EXPECT_EQ(ReasonOf(client->ListModels().status()), "QUEUE_FULL");
  EXPECT_EQ(server.service().record().calls, 1);
  FailCalls(&server, 1, full, "1");
  EXPECT_TRUE(client->ListModels().ok());
  EXPECT_EQ(server.service().record().calls, 3);
  FailCalls(&server, 1, full, "-1");
  EXPECT_FALSE(client->ListModels().ok());
  EXPECT_EQ(server.service().record().calls, 4);
}

TEST(FeatureClientTest, DoesNotWaitForARetryPastTheDeadline) {
  FakeServer server;
  FailCalls(&server, 1, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, "3600000");
  const auto client = Connect(OptionsFor(server));
  EXPECT_EQ(client->ListModels().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(FeatureClientTest, OtherErrorsAreNotRetried) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  for (grpc::StatusCode code : {grpc::StatusCode::INTERNAL, grpc::StatusCode::DEADLINE_EXCEEDED,
                                grpc::StatusCode::UNKNOWN, grpc::StatusCode::ABORTED}) {
    const int before = server.service().record().calls;
    FailCalls(&server, 1, {code, "no"});
    EXPECT_FALSE(client->ListModels().ok());
    EXPECT_EQ(server.service().record().calls, before + 1);
  }
}

TEST(FeatureClientTest, AnswersAsynchronousCallsAndWaitsForThemWhenDestroyed) {
  FakeServer server;
  std::promise<absl::StatusOr<ExtractResult>> answer;
  {
    const auto client = Connect(OptionsFor(server));
    client->ExtractAsync(RequestFor({"one"}),
                         [&answer](auto result) { answer.set_value(std::move(result)); });
  }
  auto ready = answer.get_future();
  ASSERT_EQ(ready.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_TRUE(ready.get().ok());
}

TEST(FeatureClientTest, AnAsynchronousCallCanBeCancelledWhileItRuns) {
  FakeServer server;
  std::promise<void> arrived;
  std::promise<void> leave;
  FakeBehaviour behaviour;
  behaviour.call_status = [&](int, grpc::CallbackServerContext*) {
    arrived.set_value();
    leave.get_future().wait();
    return grpc::Status::OK;
  };
  server.service().SetBehaviour(behaviour);
  const auto client = Connect(OptionsFor(server));
  std::promise<absl::Status> answer;
  const CancelCall cancel = client->ExtractAsync(
      RequestFor({"one"}), [&answer](auto result) { answer.set_value(result.status()); });
  arrived.get_future().wait();
  cancel();
  cancel();
  EXPECT_EQ(answer.get_future().get().code(), absl::StatusCode::kCancelled);
  leave.set_value();
}

TEST(FeatureClientTest, AnAsynchronousCallCanBeCancelledWhileItWaitsForItsNextAttempt) {
  FakeServer server;
  FailCalls(&server, 1, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, "30000");
  auto client = Connect(OptionsFor(server));
  std::promise<absl::Status> answer;
  const CancelCall cancel = client->ExtractAsync(
      RequestFor({"one"}), [&answer](auto result) { answer.set_value(result.status()); });
  while (server.service().record().calls == 0) std::this_thread::yield();
  // Its answer comes over the same connection, behind the refusal.
  EXPECT_TRUE(client->ListModels().ok());
  cancel();
  EXPECT_EQ(answer.get_future().get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(server.service().record().calls, 2);
  client = nullptr;
  cancel();
}

TEST(FeatureClientTest, ServesManyThreadsAtOnce) {
  FakeServer server;
  const auto client = Connect(OptionsFor(server));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string image = std::to_string(t) + "/" + std::to_string(i);
        const auto result = client->Extract(RequestFor({image}));
        if (!result.ok() || !result->images[0].ok()) continue;
        const float first = (*result->images[0]->Summary()->AsFloat32())[0];
        if (first == FakeFeatureService::Value(image, "backbone", true, 0)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 100);
}

TEST(FeatureClientTest, SpreadsCallsOverItsConnections) {
  for (int connections : {1, 3}) {
    FakeServer server;
    ClientOptions options = OptionsFor(server);
    options.connections = connections;
    const auto client = Connect(options);
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(client->Extract(RequestFor({"one"})).ok());
    EXPECT_THAT(server.service().record().peers, SizeIs(connections));
  }
}

TEST(FeatureClientTest, TakesTurnsWithAllAddressesOfItsServer) {
  FakeServer first;
  FakeServer second;
  ClientOptions options = OptionsFor(first);
  options.server = "ipv4:" + first.address() + "," + second.address();
  const auto client = Connect(options);
  // The first calls may find only one of them connected.
  const auto both = [&] {
    return first.service().record().calls >= 3 && second.service().record().calls >= 3;
  };
  for (int i = 0; i < 10000 && !both(); ++i) EXPECT_TRUE(client->ListModels().ok());
  const int before = first.service().record().calls;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client->ListModels().ok());
  EXPECT_EQ(first.service().record().calls, before + 5);
}

TEST(FeatureClientTest, ResolvesANameByDns) {
  FakeServer server;
  ClientOptions options = OptionsFor(server);
  const std::string port = server.address().substr(server.address().rfind(':'));
  for (const std::string scheme : {"", "dns:///"}) {
    options.server = scheme + "localhost" + port;
    EXPECT_TRUE(Connect(options)->ListModels().ok()) << options.server;
  }
}

TEST(FeatureClientTest, SendsTheTokenWithEveryCall) {
  FakeServer server;
  ClientOptions options = OptionsFor(server);
  options.token = "secret";
  const auto client = Connect(options);
  (void)client->ListModels();
  (void)client->Extract(RequestFor({"one"}));
  const FakeRecord record = server.service().record();
  EXPECT_THAT(record.authorizations, SizeIs(2));
  EXPECT_THAT(record.authorizations, Each("Bearer secret"));
}

TEST(FeatureClientTest, RefusesOptionsThatBreakARule) {
  const auto error = [](auto change) {
    ClientOptions options;
    change(options);
    return std::string(FeatureClient::Connect(options).status().message());
  };
  EXPECT_THAT(error([](auto& o) { o.server = ""; }), HasSubstr("server"));
  EXPECT_THAT(error([](auto& o) { o.deadline = absl::ZeroDuration(); }), HasSubstr("deadline"));
  EXPECT_THAT(error([](auto& o) { o.deadline = absl::InfiniteDuration(); }), HasSubstr("deadline"));
  EXPECT_THAT(error([](auto& o) { o.retry.max_attempts = 0; }), HasSubstr("max_attempts"));
  EXPECT_THAT(error([](auto& o) { o.retry.jitter = 1.1; }), HasSubstr("retry.jitter"));
  EXPECT_THAT(error([](auto& o) { o.retry.jitter = std::nan(""); }), HasSubstr("retry.jitter"));
  EXPECT_THAT(error([](auto& o) { o.retry.budget = -1; }), HasSubstr("budgets"));
  EXPECT_THAT(error([](auto& o) { o.retry.max_backoff = -absl::Seconds(1); }),
              HasSubstr("max_backoff"));
  EXPECT_THAT(error([](auto& o) { o.connections = 0; }), HasSubstr("connections"));
  for (const char* token : {"line\n", "two words", "caf\xc3\xa9", "\x7f"}) {
    EXPECT_THAT(error([&](auto& o) { o.token = token; }), HasSubstr("token: holds")) << token;
  }
  EXPECT_THAT(error([](auto& o) { o.tls.ca_file = "ca.pem"; }), HasSubstr("TLS is not enabled"));
  EXPECT_THAT(error([](auto& o) {
                o.tls.enabled = true;
                o.tls.key_file = "key.pem";
              }),
              HasSubstr("go together"));
  EXPECT_THAT(error([](auto& o) {
                o.tls.enabled = true;
                o.tls.ca_file = "/nonexistent/ca.pem";
              }),
              HasSubstr("tls.ca_file: cannot read"));
  EXPECT_THAT(error([](auto& o) {
                o.server = "features.example:50051";
                o.token = "secret";
              }),
              HasSubstr("in the clear"));
}

TEST(FeatureClientTest, AnUnreachableServerIsUnavailable) {
  ClientOptions options;
  options.server = "127.0.0.1:1";
  options.retry.max_attempts = 1;
  const auto client = Connect(options);
  EXPECT_EQ(client->ListModels().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace radio::client
