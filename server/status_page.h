// The page that people look at: live figures of /metrics and the facts of the models.
#ifndef RADIO_SERVER_STATUS_PAGE_H_
#define RADIO_SERVER_STATUS_PAGE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "radio/v1/feature_service.pb.h"
#include "server/metrics_endpoint.h"

namespace radio::server {

// `/`, which computes in the browser, and `/models.json`, what `models` gives at that moment.
std::vector<Page> StatusPages(std::function<v1::ListModelsResponse()> models);

// The Content-Security-Policy under which `html` works: only its own inline scripts and styles,
// named by their hashes, run, and they talk to nobody but this server.
std::string PolicyOf(absl::string_view html);

}  // namespace radio::server

#endif  // RADIO_SERVER_STATUS_PAGE_H_
