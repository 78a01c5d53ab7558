// Who is let in: tokens and certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/testing/certificates.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::testing::HasSubstr;

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

class TokenTest : public testing::Test {
 protected:
  TokenTest() {
    const std::string file = testing::TempDir() + "/tokens";
    WriteFile(file, "# the batch job\nfirst-token\nsecond-token\n");
    TestServer::Options options;
    options.configure = [&](config::ServerConfig* config) { config->set_auth_token_file(file); };
    server_ = std::make_unique<TestServer>(options);
  }

  grpc::Status Call(const std::string& authorization) {
    grpc::ClientContext context;
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    v1::ExtractResponse response;
    return server_->stub().Extract(&context, PixelRequest(1), &response);
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(TokenTest, OnlyAKnownTokenIsServed) {
  EXPECT_TRUE(Call("Bearer first-token").ok());
  EXPECT_TRUE(Call("Bearer second-token").ok());
  const grpc::Status missing = Call("");
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(missing), "CREDENTIAL_MISSING");
  for (const char* wrong : {"Bearer first-tokeN", "Bearer first-token2", "Bearer ", "first-token",
                            "Basic first-token", "Bearer # the batch job"}) {
    const grpc::Status status = Call(wrong);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << wrong;
    EXPECT_EQ(ReasonOf(status), "CREDENTIAL_INVALID") << wrong;
  }
}

TEST_F(TokenTest, EveryMethodButHealthAsksForIt) {
  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  EXPECT_EQ(ReasonOf(server_->stub().ListModels(&list_context, {}, &list)), "CREDENTIAL_MISSING");
  EXPECT_EQ(list.models_size(), 0);
  grpc::ClientContext get_context;
  v1::GetModelResponse got;
  EXPECT_EQ(ReasonOf(server_->stub().GetModel(&get_context, {}, &got)), "CREDENTIAL_MISSING");
  grpc::ClientContext stream_context;
  const auto stream = server_->stub().ExtractStream(&stream_context);
  v1::ExtractStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "CREDENTIAL_MISSING");

  grpc::ClientContext health_context;
  grpc::health::v1::HealthCheckResponse health;
  EXPECT_TRUE(grpc::health::v1::Health::NewStub(server_->channel())
                  ->Check(&health_context, {}, &health)
                  .ok());
}

TEST(TokenFileTest, AFileWithoutTokensIsRefused) {
  const std::string file = testing::TempDir() + "/no_tokens";
  WriteFile(file, "# none\n");
  TestServer::Options options;
  options.configure = [&](config::ServerConfig* config) { config->set_auth_token_file(file); };
  EXPECT_THAT(
      std::string(server::Server::Start(TestServer::Config(options), TestServer::Factory(nullptr))
                      .status()
                      .message()),
      HasSubstr("auth_token_file"));
}

class TlsTest : public testing::Test {
 protected:
  TlsTest()
      : authority_(Certificate::Authority("test authority")),
        client_authority_(Certificate::Authority("client authority")),
        client_(client_authority_.Issue("client")) {
    std::string pattern = testing::TempDir() + "/tlsXXXXXX";
    root_ = mkdtemp(pattern.data());
    Install(authority_.Issue("server"));
  }

  // Puts a certificate where the server reads it, in one step, as Kubernetes does.
  void Install(const Certificate& server) {
    const std::string folder = absl::StrCat(root_, "/", ++versions_);
    mkdir(folder.c_str(), 0700);
    WriteFile(folder + "/tls.crt", server.certificate_pem());
    WriteFile(folder + "/tls.key", server.key_pem());
    WriteFile(folder + "/ca.crt", client_authority_.certificate_pem());
    const std::string link = root_ + "/new";
    ASSERT_EQ(symlink(folder.c_str(), link.c_str()), 0);
    ASSERT_EQ(rename(link.c_str(), (root_ + "/current").c_str()), 0);
  }

  config::ServerConfig Config() {
    TestServer::Options options;
    options.configure = [&](config::ServerConfig* config) {
      config->set_insecure(false);
      config::Tls* tls = config->mutable_tls();
      tls->set_certificate_file(root_ + "/current/tls.crt");
      tls->set_private_key_file(root_ + "/current/tls.key");
      tls->set_client_ca_file(root_ + "/current/ca.crt");
      tls->set_refresh_interval_s(1);
    };
    return TestServer::Config(options);
  }

  static absl::StatusOr<std::unique_ptr<server::Server>> Start(const config::ServerConfig& config) {
    return server::Server::Start(config, TestServer::Factory(nullptr));
  }

  // A call on a connection of its own, trusting `authority` and showing `client`.
  static grpc::Status Call(const server::Server& server, const Certificate& authority,
                           const Certificate* client) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority.certificate_pem();
    if (client != nullptr) {
      options.pem_private_key = client->key_pem();
      options.pem_cert_chain = client->certificate_pem();
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel =
        grpc::CreateCustomChannel(server.grpc_address(), grpc::SslCredentials(options), arguments);
    grpc::ClientContext context;
    v1::ExtractResponse response;
    return v1::FeatureService::NewStub(channel)->Extract(&context, PixelRequest(1), &response);
  }

  const Certificate authority_;
  const Certificate client_authority_;
  const Certificate client_;
  std::string root_;
  int versions_ = 0;
};

TEST_F(TlsTest, OnlyClientsWithAnAcceptedCertificateAreServed) {
  const auto server = Start(Config());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Call(**server, authority_, &client_).ok());
  EXPECT_FALSE(Call(**server, authority_, nullptr).ok());
  const Certificate stranger = Certificate::Authority("stranger").Issue("client");
  EXPECT_FALSE(Call(**server, authority_, &stranger).ok());
  const Certificate expired = client_authority_.Issue("client", -60);
  EXPECT_FALSE(Call(**server, authority_, &expired).ok());
  // Nor does a client that trusts somebody else talk to the server.
  EXPECT_FALSE(Call(**server, client_authority_, &client_).ok());
}

TEST_F(TlsTest, WithoutAClientAuthorityAnyClientIsServed) {
  config::ServerConfig config = Config();
  config.mutable_tls()->clear_client_ca_file();
  const auto server = Start(config);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Call(**server, authority_, nullptr).ok());
}

TEST_F(TlsTest, ANewCertificateIsTakenUpWithoutARestart) {
  const auto server = Start(Config());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Call(**server, authority_, &client_).ok());
  const Certificate new_authority = Certificate::Authority("new authority");
  Install(new_authority.Issue("server"));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!Call(**server, new_authority, &client_).ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::yield();
  }
}

TEST_F(TlsTest, FilesThatDoNotFitEachOtherAreRefusedAtStart) {
  WriteFile(root_ + "/current/tls.key", authority_.Issue("other").key_pem());
  EXPECT_THAT(std::string(Start(Config()).status().message()), HasSubstr("tls.private_key_file"));
  WriteFile(root_ + "/current/tls.crt", "no certificate");
  EXPECT_THAT(std::string(Start(Config()).status().message()), HasSubstr("tls.certificate_file"));
  Install(authority_.Issue("server"));
  WriteFile(root_ + "/current/ca.crt", "no certificate");
  EXPECT_THAT(std::string(Start(Config()).status().message()), HasSubstr("tls.client_ca_file"));
}

}  // namespace
}  // namespace radio
