#include "server/transport.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::server {
namespace {

constexpr int64_t kMinReceiveMemory = 256 << 20;
constexpr int kMessagesInMemory = 8;

int OrNever(int milliseconds) {
  return milliseconds == 0 ? std::numeric_limits<int>::max() : milliseconds;
}

// gRPC would take files that do not fit each other and then fail every handshake.
absl::Status CheckKeyPair(const config::Tls& tls) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                             SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate_file().c_str()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tls.certificate_file: holds no certificate in PEM: ", tls.certificate_file()));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), tls.private_key_file().c_str(),
                                  SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("tls.private_key_file: is not the key of the certificate in ",
                     tls.certificate_file(), ": ", tls.private_key_file()));
  }
  if (!tls.client_ca_file().empty() &&
      SSL_CTX_load_verify_file(context.get(), tls.client_ca_file().c_str()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("tls.client_ca_file: holds no certificate in PEM: ", tls.client_ca_file()));
  }
  return absl::OkStatus();
}

}  // namespace

void ApplyTransport(const config::Transport& transport, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(transport.max_request_bytes());
  // Answers are bounded by admission.
  builder->SetMaxSendMessageSize(-1);
  grpc::ResourceQuota quota("server");
  quota.Resize(transport.receive_memory_bytes() > 0
                   ? transport.receive_memory_bytes()
                   : std::max(kMinReceiveMemory,
                              int64_t{kMessagesInMemory} * transport.max_request_bytes()));
  builder->SetResourceQuota(quota);
  // A second server on the port must fail to start, not steal half of the connections.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A small compressed message may expand without bound before any limit is looked at.
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, transport.max_concurrent_streams());
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, transport.max_metadata_bytes());
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, transport.keepalive_time_ms());
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, transport.keepalive_timeout_ms());
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              transport.min_client_ping_interval_ms());
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                              OrNever(transport.max_connection_age_ms()));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                              transport.max_connection_age_grace_ms());
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                              OrNever(transport.max_connection_idle_ms()));
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              transport.handshake_timeout_ms());
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const config::ServerConfig& config) {
  if (config.insecure()) return grpc::InsecureServerCredentials();
  const config::Tls& tls = config.tls();
  RADIO_RETURN_IF_ERROR(CheckKeyPair(tls));
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.private_key_file(), tls.certificate_file(), tls.client_ca_file(),
      static_cast<unsigned int>(tls.refresh_interval_s()));
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca_file().empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace radio::server
