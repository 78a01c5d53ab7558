// Where Prometheus scrapes, and what else is served beside it.
#ifndef RADIO_SERVER_METRICS_ENDPOINT_H_
#define RADIO_SERVER_METRICS_ENDPOINT_H_

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace httplib {
class Server;
}

namespace radio::server {

// A document beside /metrics.
struct Page {
  // From "/".
  std::string path;
  std::string content_type;
  std::string content_security_policy;
  // Called for each request, on any thread.
  std::function<std::string()> body;
};

// Serves GET /metrics and `pages` over plain HTTP on threads of its own, until it is destroyed;
// that waits for scrapes under way. One answer per connection: an idle scraper holds no thread.
class MetricsEndpoint {
 public:
  // `address` is host:port; port 0 picks a free one. UNAVAILABLE when it cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& address,
      std::vector<std::shared_ptr<prometheus::Collectable>> collectables,
      const std::vector<Page>& pages = {});

  ~MetricsEndpoint();

  // host:port with the port that is really in use.
  const std::string& address() const { return address_; }

 private:
  explicit MetricsEndpoint(std::vector<std::shared_ptr<prometheus::Collectable>> collectables);

  void Add(const Page& page);
  std::string Collect() const;

  std::string address_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<httplib::Server> http_;
  std::thread listener_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_METRICS_ENDPOINT_H_
