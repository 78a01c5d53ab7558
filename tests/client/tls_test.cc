// The client over TLS: what it accepts, what it shows, what it refuses.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "client/feature_client.h"
#include "tests/testing/certificates.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

namespace fs = std::filesystem;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    std::string pattern = (fs::temp_directory_path() / "radio-tls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~TlsTest() override { fs::remove_all(folder_); }

  std::string Pem(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  // `clients` is the authority of the client certificates it asks for; null for none.
  static std::unique_ptr<FakeServer> Serve(const Certificate& certificate,
                                           const Certificate* clients = nullptr) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({certificate.key_pem(), certificate.certificate_pem()});
    if (clients != nullptr) {
      options.pem_root_certs = clients->certificate_pem();
      options.client_certificate_request =
          GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    }
    return std::make_unique<FakeServer>(grpc::SslServerCredentials(options));
  }

  // Trusts `authority`.
  ClientOptions OptionsFor(const FakeServer& server, const Certificate& authority) const {
    ClientOptions options;
    options.server = server.address();
    options.retry.max_attempts = 1;
    options.tls.enabled = true;
    options.tls.ca_file = Pem("ca.pem", authority.certificate_pem());
    return options;
  }

  static absl::StatusCode Call(const ClientOptions& options) {
    const auto client = FeatureClient::Connect(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return (*client)->ListModels().status().code();
  }

  std::string folder_;
  const Certificate authority_ = Certificate::Authority("authority");
  const Certificate stranger_ = Certificate::Authority("stranger");
};

TEST_F(TlsTest, CallsAServerWhoseCertificateItTrusts) {
  const auto server = Serve(authority_.Issue("server"));
  ClientOptions options = OptionsFor(*server, authority_);
  options.token = "secret";
  EXPECT_EQ(Call(options), absl::StatusCode::kOk);
  EXPECT_EQ(server->service().record().authorizations.back(), "Bearer secret");
}

TEST_F(TlsTest, RefusesAServerThatAStrangerVouchesFor) {
  const auto server = Serve(stranger_.Issue("server"));
  EXPECT_EQ(Call(OptionsFor(*server, authority_)), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server->service().record().calls, 0);
}

TEST_F(TlsTest, RefusesAnExpiredCertificate) {
  const auto server = Serve(authority_.Issue("server", -60));
  EXPECT_EQ(Call(OptionsFor(*server, authority_)), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTest, RefusesAServerOfAnotherName) {
  const auto server = Serve(authority_.Issue("server"));
  ClientOptions options = OptionsFor(*server, authority_);
  options.tls.server_name = "elsewhere.example";
  EXPECT_EQ(Call(options), absl::StatusCode::kUnavailable);
  options.tls.server_name = "localhost";
  EXPECT_EQ(Call(options), absl::StatusCode::kOk);
}

TEST_F(TlsTest, ShowsItsCertificateWhereOneIsAskedFor) {
  const auto server = Serve(authority_.Issue("server"), &authority_);
  ClientOptions options = OptionsFor(*server, authority_);
  EXPECT_EQ(Call(options), absl::StatusCode::kUnavailable) << "without a certificate";
  const Certificate mine = authority_.Issue("client");
  options.tls.certificate_file = Pem("client.pem", mine.certificate_pem());
  options.tls.key_file = Pem("client.key", mine.key_pem());
  EXPECT_EQ(Call(options), absl::StatusCode::kOk);
}

TEST_F(TlsTest, DoesNotFallBackToPlaintext) {
  const FakeServer plaintext;
  EXPECT_EQ(Call(OptionsFor(plaintext, authority_)), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace radio::client
