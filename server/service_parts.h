// What the calls of the services work with.
#ifndef RADIO_SERVER_SERVICE_PARTS_H_
#define RADIO_SERVER_SERVICE_PARTS_H_

#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/feature_extractor.h"
#include "model/model_registry.h"
#include "server/authenticator.h"
#include "server/call_tracker.h"
#include "server/load_reporter.h"
#include "server/logger.h"
#include "server/metrics.h"
#include "server/proto_conversion.h"

namespace radio::server {

struct ServiceOptions {
  RequestLimits limits;
  // Of a call without a deadline; of an image of a stream without one.
  absl::Duration default_deadline = absl::Seconds(30);
  // Longer ones are cut to this.
  absl::Duration max_deadline = absl::Seconds(120);
  // Requests of one stream in work at once.
  int max_stream_items = 64;
  // Calls that take longer are logged.
  absl::Duration slow_call = absl::Seconds(5);
};

class OpenStreams;

// All outlive the services and their calls; none but `load` is null.
struct ServiceParts {
  const ModelRegistry* registry;
  FeatureExtractor* extractor;
  const Clock* clock;
  Metrics* metrics;
  Logger* logger;
  const Authenticator* authenticator;
  CallTracker* calls;
  OpenStreams* streams;
  // Null: callers are not told about the load.
  LoadReporter* load;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_SERVICE_PARTS_H_
