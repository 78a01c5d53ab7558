// What becomes of a batch: computed, split where it fails, each of its images completed.
#ifndef RADIO_MODEL_BATCHING_BATCH_RUNNER_H_
#define RADIO_MODEL_BATCHING_BATCH_RUNNER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/batching/batch_queue.h"
#include "model/batching/model_load.h"
#include "model/engine/engine.h"
#include "model/metrics_sink.h"

namespace radio {

// Thread-safe: several batches may be run at once. When the engine fails on a batch, the batch is
// split and tried again, so that only the image that breaks it fails: at most 2 log2(n) + 1 more
// runs for one bad image among n.
//
// When the device runs out of memory, memory is released, the queue's live budget is lowered, and
// the batch is run in parts that fit the new budget. An image that does not fit even in a run of
// its own, beside what else the device holds then, gets MEMORY_BUDGET_EXCEEDED: later there may be
// more room.
class BatchRunner {
 public:
  struct Options {
    // Name of the served model.
    std::string model;
    // Pixels per side of a token, for the report.
    int patch_size = 16;
  };
  // What the runner works with; all must outlive it.
  struct Parts {
    // Whose budget a lack of memory lowers.
    BatchQueue* queue;
    Engine* engine;
    ModelLoad* load;
    const Clock* clock;
    MetricsSink* metrics;
    // Runs a completion soon, exactly once, without making the caller wait.
    std::function<void(absl::AnyInvocable<void()>)> schedule;
  };

  BatchRunner(Options options, Parts parts)
      : options_(std::move(options)), parts_(std::move(parts)) {}

  // Blocks while the engine computes. Every task of `batch` is completed.
  //
  // Batches that overlap share the time: the duration of one, as reported and as ModelLoad learns
  // of it, begins where that of the batch that ended before it ends. So durations add up to the
  // time in which there was a batch. The inference time of its tasks is the whole.
  void Run(Batch batch);

 private:
  using Results = std::vector<absl::StatusOr<ItemOutputs>>;
  using TaskSpan = absl::Span<const std::unique_ptr<Task>>;

  void Drop(std::unique_ptr<Task> task);
  void Compute(Batch batch);
  // One result per task. Counts the runs that failed for lack of memory.
  Results RunIsolated(TaskSpan tasks, int* out_of_memory);
  Results RunHalves(TaskSpan tasks, int* out_of_memory);
  void CompleteLater(std::unique_ptr<Task> task, absl::StatusOr<ItemOutputs> outputs);

  const Options options_;
  const Parts parts_;
  Mutex mutex_;
  // Going on now.
  int runs_ ABSL_GUARDED_BY(mutex_) = 0;
  // Up to here the time is in the durations of batches that have ended.
  absl::Time accounted_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_RUNNER_H_
