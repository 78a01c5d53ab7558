#include "server/metrics_endpoint.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace radio::server {
namespace {

constexpr int kThreads = 2;
constexpr size_t kMaxRequestBytes = 4096;
constexpr std::chrono::seconds kTimeout(5);

// Unlike the library's own, without SO_REUSEPORT: a second server must not share the port unseen.
void SetSocketOptions(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(std::vector<std::shared_ptr<prometheus::Collectable>> collectables)
    : collectables_(std::move(collectables)), http_(std::make_unique<httplib::Server>()) {
  http_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  http_->set_socket_options(SetSocketOptions);
  http_->set_keep_alive_max_count(1);
  http_->set_payload_max_length(kMaxRequestBytes);
  http_->set_read_timeout(kTimeout);
  http_->set_write_timeout(kTimeout);
  http_->Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(Collect(), "text/plain; version=0.0.4; charset=utf-8");
  });
}

MetricsEndpoint::~MetricsEndpoint() {
  http_->stop();
  if (listener_.joinable()) listener_.join();
}

void MetricsEndpoint::Add(const Page& page) {
  http_->Get(page.path, [page](const httplib::Request&, httplib::Response& response) {
    response.set_header("Content-Security-Policy", page.content_security_policy);
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cache-Control", "no-store");
    response.set_content(page.body(), page.content_type);
  });
}

std::string MetricsEndpoint::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : collectables_) {
    std::vector<prometheus::MetricFamily> some = collectable->Collect();
    std::move(some.begin(), some.end(), std::back_inserter(families));
  }
  return prometheus::TextSerializer().Serialize(families);
}

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& address, std::vector<std::shared_ptr<prometheus::Collectable>> collectables,
    const std::vector<Page>& pages) {
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint(std::move(collectables)));
  for (const Page& page : pages) endpoint->Add(page);
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  absl::string_view name = host;
  if (absl::ConsumePrefix(&name, "[")) absl::ConsumeSuffix(&name, "]");
  int port = 0;
  const bool valid =
      colon != std::string::npos && absl::SimpleAtoi(address.substr(colon + 1), &port);
  httplib::Server& http = *endpoint->http_;
  if (valid && port == 0) {
    port = http.bind_to_any_port(std::string(name));
  } else if (!valid || !http.bind_to_port(std::string(name), port)) {
    port = -1;
  }
  if (port <= 0) {
    return absl::UnavailableError(absl::StrCat("metrics_address: cannot listen on ", address));
  }
  endpoint->address_ = absl::StrCat(host, ":", port);
  endpoint->listener_ = std::thread([&http] { http.listen_after_bind(); });
  // stop() is for a server that runs.
  while (!http.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return endpoint;
}

}  // namespace radio::server
