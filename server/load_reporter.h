// What a server tells load balancers about its load: an ORCA report for the trailers of answers.
#ifndef RADIO_SERVER_LOAD_REPORTER_H_
#define RADIO_SERVER_LOAD_REPORTER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"

namespace radio::server {

// The trailer's name in gRPC's and Envoy's policies.
constexpr absl::string_view kLoadTrailer = "endpoint-load-metrics-bin";

// The server at a moment.
struct LoadSnapshot {
  // How long each engine has been running batches since the process began.
  std::vector<absl::Duration> busy;
  // Shares of what admission allows, in [0, 1].
  double items_share = 0;
  double bytes_share = 0;
  // Of all models' queues: images, and the longest wait.
  double queue_depth = 0;
  absl::Duration queue_age;
};

// Thread-safe. Rates are averages over about the last second.
class LoadReporter {
 public:
  using Source = std::function<LoadSnapshot()>;

  // `source` must not block; it is asked a few times a second at most. `clock` outlives this.
  LoadReporter(const Clock* clock, Source source);

  // An image is answered: done work when OK, an error when it is the server's fault.
  void ImageAnswered(const absl::Status& status);

  // A serialized xds.data.orca.v3.OrcaLoadReport:
  //   application_utilization  the busiest engine's share of time, or the share of the images that
  //                            admission allows if that is more; at least 0.01, since balancers
  //                            take 0 for no report
  //   rps_fractional, eps      images a second, and those that failed by the server's fault
  //   utilization              busy, items, bytes
  //   named_metrics            queue_depth, queue_oldest_age_seconds
  std::string Report();

 private:
  // Smoothed rates as of `time`, and the totals that they were computed from.
  struct Rates {
    absl::Time time;
    std::vector<absl::Duration> busy;
    std::vector<double> busy_share;
    int64_t done = 0;
    double done_rate = 0;
    int64_t failed = 0;
    double failed_rate = 0;
  };

  // Moves `rates_` on to `now`.
  void Advance(absl::Time now, const LoadSnapshot& snapshot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Serialize(const LoadSnapshot& snapshot) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const Source source_;
  std::atomic<int64_t> done_{0};
  std::atomic<int64_t> failed_{0};

  Mutex mutex_;
  // Somebody is asking the source.
  bool refreshing_ ABSL_GUARDED_BY(mutex_) = false;
  Rates rates_ ABSL_GUARDED_BY(mutex_);
  std::string report_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_LOAD_REPORTER_H_
