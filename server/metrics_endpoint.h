// Where Prometheus scrapes.
#ifndef RADIO_SERVER_METRICS_ENDPOINT_H_
#define RADIO_SERVER_METRICS_ENDPOINT_H_

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace radio::server {

// Serves GET /metrics over plain HTTP on threads of its own, until it is destroyed.
class MetricsEndpoint {
 public:
  // `address` is host:port; port 0 picks a free one. UNAVAILABLE when it cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& address,
      std::vector<std::shared_ptr<prometheus::Collectable>> collectables);

  // host:port with the port that is really in use.
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint() = default;

  std::string address_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_METRICS_ENDPOINT_H_
