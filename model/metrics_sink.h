// What the core reports, in the core's words. The server turns it into Prometheus metrics.
#ifndef RADIO_MODEL_METRICS_SINK_H_
#define RADIO_MODEL_METRICS_SINK_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/batching/batch_policy.h"
#include "model/errors.h"
#include "model/types.h"

namespace radio {

// Every image ends in exactly one of these.
enum class Outcome { kOk, kRejected, kInvalid, kFailed, kCancelled, kExpired };

// The outcome that an image's final status means.
Outcome OutcomeOf(const absl::Status& status);

struct BatchReport {
  int images = 0;
  // Backbone tokens, prefix tokens not counted.
  int tokens = 0;
  double cost = 0;
  // The budget that the batch was cut by.
  double max_cost = 0;
  // Its own: without the time in which the batch before it was still running.
  absl::Duration duration;
  BatchCut cut = BatchCut::kQueueEmpty;
  // Runs of it, or of parts of it, that failed for lack of memory.
  int out_of_memory = 0;
};

// Thread-safe, non-blocking, cannot fail. `model` is always the name of a served model.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;

  virtual void ImagesReceived(absl::string_view model, int images) = 0;
  // An image is finished; `reason` is set unless it is OK or cancelled.
  virtual void ImageFinished(absl::string_view model, Outcome outcome, std::optional<Reason> reason,
                             const Timings& timings) = 0;
  virtual void BatchFinished(absl::string_view model, const BatchReport& report) = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_METRICS_SINK_H_
