// Load for `radio bench`: generated images, sent in a closed or an open loop.
#ifndef RADIO_CLIENT_CLI_BENCH_LOAD_H_
#define RADIO_CLIENT_CLI_BENCH_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/feature_client.h"
#include "client/spatial.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// One answered request of one image.
struct BenchSample {
  // Index into BenchLoad::sizes.
  size_t size = 0;
  // From when it was due (open loop) or sent (closed loop) to its answer.
  absl::Duration latency;
  absl::Status status;
  // The server's own measurements; zero when it failed.
  absl::Duration queue;
  absl::Duration preprocess;
  absl::Duration inference;
};

struct BenchLoad {
  std::vector<Resolution> sizes;
  // Encode the images as PNG instead of sending pixels.
  bool png = false;
  std::string model;
  std::vector<v1::OutputSpec> outputs;
  v1::Preprocessing preprocessing;
  // Requests due before the end of the warm-up are sent but not counted.
  absl::Duration warmup;
  absl::Duration duration;
  uint64_t seed = 0;
};

struct BenchResult {
  std::vector<BenchSample> samples;
  // From the end of the warm-up to the last answer.
  absl::Duration elapsed;
};

// `concurrency` callers, each sending its next image when the last was answered. Blocks.
BenchResult RunClosedLoop(const FeatureClient& client, const BenchLoad& load, int concurrency);

// Images due at random times, `rate` a second on average (Poisson), whether or not earlier ones
// have been answered: a slow server shows in the latencies instead of slowing the load. Blocks.
BenchResult RunOpenLoop(const FeatureClient& client, const BenchLoad& load, double rate);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_BENCH_LOAD_H_
