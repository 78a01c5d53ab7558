#include "server/listener_probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/test_server.h"

namespace radio::server {
namespace {

// Listens, and never accepts: the kernel completes connections for it.
class DeafListener {
 public:
  DeafListener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~DeafListener() { close(fd_); }
  std::string address() const { return absl::StrCat("0.0.0.0:", port_); }

 private:
  const int fd_;
  int port_ = 0;
};

TEST(ListenerProbeTest, AServerAnswersInPlaintextAndInTls) {
  TestServer plaintext;
  EXPECT_TRUE(ProbeListener(plaintext.server().grpc_address(), false, absl::Seconds(10)).ok());

  const Certificate authority = Certificate::Authority("authority");
  const Certificate certificate = authority.Issue("localhost");
  const std::string folder = testing::TempDir();
  for (const auto& [name, text] : {std::pair("/tls.crt", certificate.certificate_pem()),
                                   std::pair("/tls.key", certificate.key_pem()),
                                   std::pair("/ca.crt", authority.certificate_pem())}) {
    std::ofstream(folder + name) << text;
  }
  TestServer::Options options;
  options.configure = [&](config::ServerConfig* config) {
    config->set_insecure(false);
    config->mutable_tls()->set_certificate_file(folder + "/tls.crt");
    config->mutable_tls()->set_private_key_file(folder + "/tls.key");
    // A probe has no certificate to show; the answer to its hello is enough.
    config->mutable_tls()->set_client_ca_file(folder + "/ca.crt");
  };
  TestServer encrypted(options);
  EXPECT_TRUE(ProbeListener(encrypted.server().grpc_address(), true, absl::Seconds(10)).ok());
}

TEST(ListenerProbeTest, ADeafListenerDoesNotAnswer) {
  const DeafListener deaf;
  for (const bool tls : {false, true}) {
    EXPECT_TRUE(absl::IsUnavailable(ProbeListener(deaf.address(), tls, absl::Milliseconds(50))));
  }
}

TEST(ListenerProbeTest, NobodyAtAllDoesNotAnswerEither) {
  std::string address;
  { address = DeafListener().address(); }
  EXPECT_TRUE(absl::IsUnavailable(ProbeListener(address, false, absl::Milliseconds(50))));
}

TEST(ListenerProbeTest, ReportsADeafListenerOnce) {
  const DeafListener deaf;
  std::promise<void> dead;
  const ListenerProbe probe(deaf.address(), false, absl::Milliseconds(10),
                            [&] { dead.set_value(); });
  dead.get_future().wait();
}

}  // namespace
}  // namespace radio::server
