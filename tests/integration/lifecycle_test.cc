// Starting, health, draining and what a start refuses.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "inference/grpc_inference_service.grpc.pb.h"
#include "model/errors.h"
#include "tests/testing/fake_artefact.h"
#include "tests/testing/gate.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::inference::GRPCInferenceService;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HealthCheckResponse::ServingStatus HealthOf(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& name) {
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(name);
  HealthCheckResponse response;
  return stub->Check(&context, request, &response).ok() ? response.status()
                                                        : HealthCheckResponse::SERVICE_UNKNOWN;
}

TEST(HealthTest, EveryNameIsServingUntilTheDrainAndLivenessBeyondIt) {
  TestServer::Options options;
  options.models = {"m", "n"};
  TestServer server(options);
  for (const char* name : {"", "radio.v1.FeatureService", "readiness", "liveness", "m", "n"}) {
    EXPECT_EQ(HealthOf(server.channel(), name), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(HealthOf(server.channel(), "nonesuch"), HealthCheckResponse::SERVICE_UNKNOWN);
  server.server().LeaveService();
  for (const char* name : {"", "radio.v1.FeatureService", "readiness", "m", "n"}) {
    EXPECT_EQ(HealthOf(server.channel(), name), HealthCheckResponse::NOT_SERVING) << name;
  }
  EXPECT_EQ(HealthOf(server.channel(), "liveness"), HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  v1::ExtractResponse response;
  EXPECT_TRUE(server.stub().Extract(&context, PixelRequest(1), &response).ok());
}

TEST(HealthTest, AWatchSeesTheDrain) {
  TestServer server;
  const auto stub = grpc::health::v1::Health::NewStub(server.channel());
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("readiness");
  const auto watch = stub->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_TRUE(server.server().Shutdown());
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
}

class DrainTest : public testing::Test {
 protected:
  DrainTest() {
    options_.hook = [this](absl::Span<const BatchItem>) {
      gate_.Pass();
      return absl::OkStatus();
    };
    gate_.Close();
  }

  // A call that is in the engine when this returns.
  std::future<grpc::Status> BeginCall(TestServer* server) {
    auto call = std::async(std::launch::async, [server] {
      grpc::ClientContext context;
      v1::ExtractResponse response;
      return server->stub().Extract(&context, PixelRequest(1), &response);
    });
    gate_.AwaitWaiting(1);
    return call;
  }

  TestServer::Options options_;
  Gate gate_;
};

TEST_F(DrainTest, CallsInWorkEndAndNobodyCanConnectAnyMore) {
  TestServer server(options_);
  std::future<grpc::Status> call = BeginCall(&server);
  std::future<bool> drained =
      std::async(std::launch::async, [&] { return server.server().Shutdown(); });
  grpc::Status refused;
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    v1::ExtractResponse response;
    refused = server.stub().Extract(&context, PixelRequest(2), &response);
  } while (refused.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  gate_.Open();
  EXPECT_TRUE(call.get().ok());
  EXPECT_TRUE(drained.get());
}

TEST(RestartTest, NoCallFailsWhileAnotherServerTakesThem) {
  auto leaving = std::make_unique<TestServer>();
  TestServer staying;
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  const std::string target =
      "ipv4:" + leaving->server().grpc_address() + "," + staying.server().grpc_address();
  const auto stub = v1::FeatureService::NewStub(
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  std::atomic<bool> over = false;
  const auto call_until_over = [&] {
    int calls = 0;
    for (; !over; ++calls) {
      grpc::ClientContext context;
      context.set_wait_for_ready(calls == 0);
      v1::ExtractResponse response;
      const grpc::Status status = stub->Extract(&context, PixelRequest(1), &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    return calls;
  };
  std::vector<std::future<int>> callers;
  for (int i = 0; i < 4; ++i) callers.push_back(std::async(std::launch::async, call_until_over));
  const std::string images = "radio_images_total{model=\"m\",outcome=\"ok\"}";
  while (leaving->Metric(images) < 10) std::this_thread::yield();
  EXPECT_TRUE(leaving->server().Shutdown());
  leaving.reset();
  over = true;
  for (std::future<int>& caller : callers) EXPECT_GT(caller.get(), 0);
}

TEST(RestartTest, ACallWhoseMessageComesAfterTheDrainIsSentElsewhere) {
  TestServer server;
  grpc::GenericStub stub(server.channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto await = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(&context, "/radio.v1.FeatureService/Extract", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(await());
  EXPECT_TRUE(server.server().Shutdown());
  const std::string request = PixelRequest(1).SerializeAsString();
  const grpc::Slice bytes(request);
  call->WriteLast(grpc::ByteBuffer(&bytes, 1), grpc::WriteOptions(), nullptr);
  await();
  grpc::Status status;
  call->Finish(&status, nullptr);
  await();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "SERVER_DRAINING");
}

TEST_F(DrainTest, ACallThatDoesNotEndIsNotWaitedForLongerThanConfigured) {
  options_.configure = [](config::ServerConfig* config) { config->set_drain_timeout_ms(20); };
  auto server = std::make_unique<TestServer>(options_);
  std::future<grpc::Status> call = BeginCall(server.get());
  EXPECT_FALSE(server->server().Shutdown());
  gate_.Open();
  EXPECT_TRUE(call.get().ok());
}

TEST_F(DrainTest, DestructionAlonePutsEverythingInOrder) {
  auto server = std::make_unique<TestServer>(options_);
  std::future<grpc::Status> call = BeginCall(server.get());
  gate_.Open();
  EXPECT_TRUE(call.get().ok());
  server.reset();
}

TEST(FailureTest, AHungBatchTurnsReadinessOffAndEndsTheProcessWith72) {
  Gate gate;
  gate.Close();
  TestServer::Options options;
  options.configure = [](config::ServerConfig* config) { config->set_max_batch_duration_ms(100); };
  const FakeEngine::Hook hang = [&](absl::Span<const BatchItem>) {
    gate.Pass();
    return absl::OkStatus();
  };
  std::promise<int> exit_code;
  const auto server = server::Server::Start(TestServer::Config(options), TestServer::Factory(hang),
                                            [&](int code) { exit_code.set_value(code); });
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel =
      grpc::CreateChannel((*server)->grpc_address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::FeatureService::NewStub(channel);
  auto call = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    v1::ExtractResponse response;
    return stub->Extract(&context, PixelRequest(1), &response);
  });
  EXPECT_EQ(exit_code.get_future().get(), 72);
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("readiness");
  HealthCheckResponse response;
  ASSERT_TRUE(grpc::health::v1::Health::NewStub(channel)->Check(&context, request, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  gate.Open();
  EXPECT_TRUE(call.get().ok());
}

class LoadingTest : public testing::Test {
 protected:
  // Listens, and stops in the loading of the second model.
  LoadingTest() {
    TestServer::Options options;
    options.models = {"m", "n"};
    auto server = server::Server::Listen(TestServer::Config(options));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
    gate_.Close();
    loaded_ = std::async(std::launch::async, [this] {
      return server_->LoadModels(
          [this](const server::EngineSource& source,
                 const ModelSpec& spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
            if (spec.name == "n") gate_.Pass();
            if (fail_) return absl::FailedPreconditionError("no such device");
            return TestServer::Factory(nullptr)(source, spec);
          });
    });
    gate_.AwaitWaiting(1);
  }
  ~LoadingTest() override { gate_.Open(); }

  grpc::Status Call(const std::string& model) {
    grpc::ClientContext context;
    v1::ExtractRequest request = PixelRequest(1);
    request.set_model(model);
    v1::ExtractResponse response;
    return v1::FeatureService::NewStub(channel_)->Extract(&context, request, &response);
  }

  // A call of the Open Inference Protocol that must be answered.
  template <typename Response, typename Method, typename Request>
  Response Ask(Method method, const Request& request) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status =
        ((*GRPCInferenceService::NewStub(channel_)).*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  bool ServerReady() {
    return Ask<inference::ServerReadyResponse>(&GRPCInferenceService::Stub::ServerReady,
                                               inference::ServerReadyRequest())
        .ready();
  }

  bool ModelReady(const std::string& model) {
    inference::ModelReadyRequest request;
    request.set_name(model);
    return Ask<inference::ModelReadyResponse>(&GRPCInferenceService::Stub::ModelReady, request)
        .ready();
  }

  // "name state (reason)" of each model, or of those that are ready.
  std::vector<std::string> RepositoryIndex(bool only_ready = false) {
    inference::RepositoryIndexRequest request;
    request.set_ready(only_ready);
    const auto index = Ask<inference::RepositoryIndexResponse>(
        &GRPCInferenceService::Stub::RepositoryIndex, request);
    std::vector<std::string> lines;
    for (const auto& model : index.models()) {
      lines.push_back(absl::StrCat(model.name(), " ", model.state(), " (", model.reason(), ")"));
    }
    return lines;
  }

  Gate gate_;
  std::atomic<bool> fail_ = false;
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::future<absl::Status> loaded_;
};

TEST_F(LoadingTest, OnlyLivenessAndTheModelsThatAreLoadedServe) {
  for (const char* name : {"liveness", "m"}) {
    EXPECT_EQ(HealthOf(channel_, name), HealthCheckResponse::SERVING) << name;
  }
  for (const char* name : {"", "radio.v1.FeatureService", "readiness", "n"}) {
    EXPECT_EQ(HealthOf(channel_, name), HealthCheckResponse::NOT_SERVING) << name;
  }
  const std::string page = HttpGet(server_->metrics_address(), "/metrics");
  EXPECT_THAT(page, AllOf(HasSubstr("radio_model_ready{model=\"m\"} 1"),
                          HasSubstr("radio_model_ready{model=\"n\"} 0")));
  EXPECT_TRUE(Call("m").ok());
  const grpc::Status refused = Call("n");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(refused), "MODEL_LOADING");
  EXPECT_EQ(ReasonOf(Call("nonesuch")), "MODEL_NOT_FOUND");

  gate_.Open();
  EXPECT_TRUE(loaded_.get().ok());
  for (const char* name : {"", "radio.v1.FeatureService", "readiness", "n"}) {
    EXPECT_EQ(HealthOf(channel_, name), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_TRUE(Call("n").ok());
}

TEST_F(LoadingTest, TheOpenInferenceProtocolTellsTheLoadedModelsFromTheOthers) {
  EXPECT_TRUE(Ask<inference::ServerLiveResponse>(&GRPCInferenceService::Stub::ServerLive,
                                                 inference::ServerLiveRequest())
                  .live());
  EXPECT_FALSE(ServerReady());
  EXPECT_TRUE(ModelReady("m"));
  EXPECT_TRUE(ModelReady("")) << "the default model is m";
  EXPECT_FALSE(ModelReady("n"));
  EXPECT_FALSE(ModelReady("nonesuch"));
  EXPECT_THAT(RepositoryIndex(), ElementsAre("m READY ()", "n UNAVAILABLE (it is loading)"));
  EXPECT_THAT(RepositoryIndex(/*only_ready=*/true), ElementsAre("m READY ()"));
  inference::ModelMetadataRequest request;
  request.set_name("n");
  inference::ModelMetadataResponse response;
  grpc::ClientContext context;
  const grpc::Status facts =
      GRPCInferenceService::NewStub(channel_)->ModelMetadata(&context, request, &response);
  EXPECT_EQ(facts.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(facts), "MODEL_LOADING");

  gate_.Open();
  EXPECT_TRUE(loaded_.get().ok());
  EXPECT_TRUE(ServerReady());
  EXPECT_TRUE(ModelReady("n"));
  EXPECT_THAT(RepositoryIndex(true), ElementsAre("m READY ()", "n READY ()"));
}

TEST_F(LoadingTest, AModelThatCannotBeLoadedNeverServes) {
  fail_ = true;
  gate_.Open();
  EXPECT_EQ(loaded_.get().message(), "models[1]: no such device");
  EXPECT_EQ(HealthOf(channel_, "readiness"), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(ServerReady());
  EXPECT_FALSE(ModelReady("n"));
  EXPECT_EQ(ReasonOf(Call("n")), "MODEL_LOADING");
}

TEST_F(LoadingTest, AShutdownMeanwhileIsNotTakenBack) {
  server_->LeaveService();
  gate_.Open();
  EXPECT_TRUE(loaded_.get().ok());
  for (const char* name : {"readiness", "m", "n"}) {
    EXPECT_EQ(HealthOf(channel_, name), HealthCheckResponse::NOT_SERVING) << name;
  }
  EXPECT_FALSE(ServerReady());
  EXPECT_FALSE(ModelReady("m"));
  EXPECT_THAT(RepositoryIndex(true), ElementsAre());
  EXPECT_TRUE(server_->Shutdown());
  EXPECT_EQ(Call("n").error_code(), grpc::StatusCode::UNAVAILABLE);
}

absl::Status StartError(const config::ServerConfig& config, FakeEngine::Hook hook = nullptr) {
  return server::Server::Start(config, TestServer::Factory(std::move(hook))).status();
}

TEST(StartTest, APortInUseIsRefused) {
  TestServer server;
  TestServer::Options options;
  options.configure = [&](config::ServerConfig* config) {
    config->set_listen_address(server.server().grpc_address());
  };
  EXPECT_THAT(std::string(StartError(TestServer::Config(options)).message()),
              HasSubstr("listen_address"));
  options.configure = [&](config::ServerConfig* config) {
    config->set_metrics_address(server.server().metrics_address());
  };
  EXPECT_THAT(std::string(StartError(TestServer::Config(options)).message()),
              HasSubstr("metrics_address"));
}

// What a start says to a model's folder that `damage` has changed; nothing of it may be loaded.
std::string RefusalOf(const std::function<void(const std::string& folder)>& damage) {
  const config::ServerConfig config = TestServer::Config({});
  damage(config.models(0).path());
  const server::EngineFactory must_not_run =
      [](const server::EngineSource&, const ModelSpec&) -> absl::StatusOr<std::unique_ptr<Engine>> {
    ADD_FAILURE() << "an engine was made";
    return absl::InternalError("not reached");
  };
  const auto server = server::Server::Start(config, must_not_run);
  chmod(config.models(0).path().c_str(), 0755);
  return std::string(server.status().message());
}

TEST(StartTest, AnAlteredFileIsRefusedByNameAndNothingRuns) {
  const std::string refusal = RefusalOf([](const std::string& folder) {
    std::ofstream(folder + "/adaptor_clip.pt") << "adaptor_clip.pT";
  });
  EXPECT_THAT(refusal,
              AllOf(HasSubstr("models[0]"), HasSubstr("adaptor_clip.pt"), HasSubstr("SHA-256")));
}

TEST(StartTest, ATruncatedFileIsRefused) {
  EXPECT_THAT(RefusalOf([](const std::string& folder) {
                ASSERT_EQ(truncate((folder + "/backbone.pt").c_str(), 5), 0);
              }),
              AllOf(HasSubstr("backbone.pt"), HasSubstr("has 5 bytes")));
}

TEST(StartTest, ASymbolicLinkIsRefused) {
  for (const char* name : {"/backbone.pt", "/manifest.textproto"}) {
    EXPECT_THAT(RefusalOf([&](const std::string& folder) {
                  const std::string file = folder + name;
                  ASSERT_EQ(rename(file.c_str(), (file + ".moved").c_str()), 0);
                  ASSERT_EQ(symlink((file + ".moved").c_str(), file.c_str()), 0);
                }),
                AllOf(HasSubstr(name), HasSubstr("symbolic link")));
    unlink((TestServer::Config({}).models(0).path() + name).c_str());
  }
}

TEST(StartTest, WhatEverybodyMayWriteIsRefused) {
  for (const char* name : {"/backbone.pt", "/manifest.textproto", "/"}) {
    EXPECT_THAT(RefusalOf([&](const std::string& folder) {
                  ASSERT_EQ(chmod((folder + name).c_str(), 0777), 0);
                }),
                HasSubstr("everybody may write to it"));
    chmod((TestServer::Config({}).models(0).path() + name).c_str(), 0644);
    chmod(TestServer::Config({}).models(0).path().c_str(), 0755);
  }
}

TEST(StartTest, AFileSwappedAfterItWasVerifiedIsNotReadAndRefused) {
  const config::ServerConfig config = TestServer::Config({});
  bool self_test_ran = false;
  const FakeEngine::Hook hook = [&](absl::Span<const BatchItem>) {
    self_test_ran = true;
    return absl::OkStatus();
  };
  std::string read;
  const auto swap = [&](const server::EngineSource& source,
                        const ModelSpec& spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
    const std::string file = config.models(0).path() + "/backbone.pt";
    std::ofstream(file + ".other") << "evil";
    EXPECT_EQ(rename((file + ".other").c_str(), file.c_str()), 0);
    std::ifstream(source.backbone_file) >> read;
    return std::make_unique<FakeEngine>(spec, hook);
  };
  const auto server = server::Server::Start(config, swap);
  EXPECT_EQ(read, "backbone.pt");
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("backbone.pt"), HasSubstr("replaced")));
  EXPECT_FALSE(self_test_ran);
}

TEST(StartTest, AnEngineOfAnotherShapeThanTheManifestsIsRefused) {
  const auto other_shape = [](const server::EngineSource&,
                              ModelSpec spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
    spec.outputs[0].summary_dim += 1;
    return std::make_unique<FakeEngine>(spec);
  };
  const auto server = server::Server::Start(TestServer::Config({}), other_shape);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("self-test"));
}

TEST(StartTest, EveryBrokenManifestIsListed) {
  TestServer::Options options;
  options.models = {"x", "y", "z"};
  const config::ServerConfig config = TestServer::Config(options);
  std::ofstream(config.models(0).path() + "/manifest.textproto") << "format_version: 9";
  unlink((config.models(2).path() + "/manifest.textproto").c_str());
  EXPECT_THAT(std::string(StartError(config).message()),
              AllOf(HasSubstr("models[0].path: "), HasSubstr("format_version: must be 1, is 9"),
                    HasSubstr("models[2].path: ")));
}

TEST(StartTest, AModelThatFailsItsSelfTestIsRefused) {
  TestServer::Options options;
  const config::ServerConfig config = TestServer::Config(options);
  config::ModelManifest manifest = FakeManifest();
  // Another picture than the outputs were recorded with.
  manifest.mutable_self_test()->mutable_images(0)->mutable_pixels()->assign(32 * 32 * 3, 'x');
  WriteFakeArtefact(config.models(0).path(), manifest);
  EXPECT_THAT(std::string(StartError(config).message()), HasSubstr("self-test"));
}

TEST(StartTest, AnEngineThatCannotBeMadeIsRefusedWithItsReason) {
  const auto error = server::Server::Start(
      TestServer::Config({}),
      [](const server::EngineSource& source,
         const ModelSpec&) -> absl::StatusOr<std::unique_ptr<Engine>> {
        EXPECT_EQ(source.device, "cpu");
        EXPECT_EQ(source.adaptor_files.size(), 2u);
        return absl::FailedPreconditionError(source.backbone_file + ": no such device");
      });
  EXPECT_THAT(std::string(error.status().message()),
              AllOf(HasSubstr("models[0]: "), HasSubstr("/backbone.pt: no such device")));
}

// Whether the server knows a method of that path.
bool HasMethod(const TestServer& server, const std::string& path) {
  grpc::GenericStub stub(server.channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, path, grpc::ByteBuffer(), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status.error_code() != grpc::StatusCode::UNIMPLEMENTED;
}

TEST(StartTest, ReflectionIsServedOnlyWhenConfigured) {
  const char* const path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  TestServer plain;
  EXPECT_FALSE(HasMethod(plain, path));
  TestServer::Options options;
  options.configure = [](config::ServerConfig* config) { config->set_reflection(true); };
  TestServer reflecting(options);
  grpc::GenericStub stub(reflecting.channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto stream = stub.PrepareCall(&context, path, &queue);
  stream->StartCall(nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  stream->WritesDone(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Status status;
  stream->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace radio
