#include "client/transport.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

absl::StatusOr<std::string> ReadPem(absl::string_view option, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": cannot read ", path));
  }
  return text.str();
}

bool HasScheme(absl::string_view server) {
  for (absl::string_view scheme : {"dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:", "xds:"}) {
    if (absl::StartsWith(server, scheme)) return true;
  }
  return false;
}

// Whether every address that a target may mean is this machine: of a list, all of it.
bool IsThisMachine(absl::string_view server) {
  if (absl::StartsWith(server, "unix:") || absl::StartsWith(server, "unix-abstract:")) return true;
  for (absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&server, scheme)) break;
  }
  for (absl::string_view address : absl::StrSplit(server, ',')) {
    const auto begins = [&](absl::string_view local) { return absl::StartsWith(address, local); };
    if (!begins("localhost:") && !begins("127.0.0.1:") && !begins("[::1]:")) return false;
  }
  return true;
}

absl::Status ValidateRetry(const RetryOptions& retry) {
  if (retry.max_attempts < 1) {
    return absl::InvalidArgumentError("retry.max_attempts: must be at least 1");
  }
  if (retry.initial_backoff < absl::ZeroDuration() || retry.max_backoff < absl::ZeroDuration() ||
      retry.patience < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "retry: initial_backoff, max_backoff and patience must not be negative");
  }
  // Written so that NaN fails.
  if (!(retry.jitter >= 0 && retry.jitter <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("retry.jitter: must be in [0, 1], is ", retry.jitter));
  }
  if (!(retry.budget >= 0 && retry.budget_per_success >= 0)) {
    return absl::InvalidArgumentError("retry: budgets must not be negative");
  }
  return absl::OkStatus();
}

absl::Status Validate(const ClientOptions& options) {
  if (options.server.empty()) return absl::InvalidArgumentError("server: must not be empty");
  if (options.deadline <= absl::ZeroDuration() || options.deadline > absl::Hours(24)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "deadline: must be above 0 and at most 24 h, is ", absl::FormatDuration(options.deadline)));
  }
  if (options.connections < 1 || options.connections > 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("connections: must be 1 to 64, is ", options.connections));
  }
  RADIO_RETURN_IF_ERROR(ValidateRetry(options.retry));
  // gRPC ends the process over metadata that HTTP/2 does not allow.
  if (!std::all_of(options.token.begin(), options.token.end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c); })) {
    return absl::InvalidArgumentError(
        "token: holds a space, a line break or something else that is no printable ASCII");
  }
  const TlsOptions& tls = options.tls;
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return absl::InvalidArgumentError("tls: certificate_file and key_file go together");
  }
  if (!tls.enabled && !(tls.ca_file + tls.certificate_file + tls.server_name).empty()) {
    return absl::InvalidArgumentError("tls: options are given but TLS is not enabled");
  }
  if (!tls.enabled && !options.token.empty() && !IsThisMachine(options.server)) {
    return absl::InvalidArgumentError(
        absl::StrCat("token: would travel in the clear to ", options.server, "; enable TLS"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const TlsOptions& tls) {
  if (!tls.enabled) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  RADIO_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("tls.ca_file", tls.ca_file));
  RADIO_ASSIGN_OR_RETURN(options.pem_cert_chain,
                         ReadPem("tls.certificate_file", tls.certificate_file));
  RADIO_ASSIGN_OR_RETURN(options.pem_private_key, ReadPem("tls.key_file", tls.key_file));
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments Arguments(const ClientOptions& options, int connection) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  // Channels whose arguments are equal share their connections.
  arguments.SetInt("radio.connection", connection);
  // Dense features of a large image are tens of megabytes; the server's limits bound them.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // gRPC's own retries would repeat RESOURCE_EXHAUSTED without a pushback: RetryPolicy decides.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A restarted server is found again within seconds.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 5000);
  // A dead peer is noticed while a call waits for it.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  if (!options.tls.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls.server_name);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> Transport::Create(const ClientOptions& options) {
  RADIO_RETURN_IF_ERROR(Validate(options));
  RADIO_ASSIGN_OR_RETURN(auto credentials, Credentials(options.tls));
  const std::string target =
      HasScheme(options.server) ? options.server : absl::StrCat("dns:///", options.server);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < options.connections; ++i) {
    channels.push_back(grpc::CreateCustomChannel(target, credentials, Arguments(options, i)));
  }
  return std::unique_ptr<Transport>(new Transport(options, channels));
}

Transport::Transport(const ClientOptions& options,
                     const std::vector<std::shared_ptr<grpc::Channel>>& channels)
    : options_(options),
      health_(grpc::health::v1::Health::NewStub(channels.front())),
      retry_(options.retry) {
  for (const auto& channel : channels) features_.push_back(v1::FeatureService::NewStub(channel));
}

Transport::~Transport() {
  MutexLock lock(&mutex_);
  while (uses_ > 0) unused_.Wait(&mutex_);
}

Transport::Use::Use(Transport* transport) : transport_(transport) {
  MutexLock lock(&transport_->mutex_);
  ++transport_->uses_;
}

Transport::Use::~Use() {
  MutexLock lock(&transport_->mutex_);
  --transport_->uses_;
  transport_->unused_.SignalAll();
}

std::unique_ptr<grpc::ClientContext> Transport::NewContext(absl::Time deadline) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(deadline));
  if (!options_.token.empty()) context->AddMetadata("authorization", "Bearer " + options_.token);
  return context;
}

}  // namespace radio::client
