// The thread that keeps one model's engine busy.
#ifndef RADIO_MODEL_BATCHING_BATCH_WORKER_H_
#define RADIO_MODEL_BATCHING_BATCH_WORKER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/base/clock.h"
#include "model/base/thread_pool.h"
#include "model/batching/batch_queue.h"
#include "model/batching/model_load.h"
#include "model/engine/engine.h"
#include "model/metrics_sink.h"

namespace radio {

// Takes batches from the queue until it is closed and empty, runs them and completes their tasks on
// the completion pool. When the engine fails on a batch, the batch is split and tried again, so
// that only the image that breaks it fails: at most 2 log2(n) + 1 more runs for one bad image among
// n.
class BatchWorker {
 public:
  struct Options {
    // Name of the served model.
    std::string model;
    // Pixels per side of a token, for the report.
    int patch_size = 16;
  };
  // What the worker works with; all must outlive it.
  struct Parts {
    BatchQueue* queue;
    Engine* engine;
    ThreadPool* completions;
    ModelLoad* load;
    const Clock* clock;
    MetricsSink* metrics;
  };

  // Starts the thread.
  BatchWorker(Options options, Parts parts);
  // Waits for the queue to be closed and emptied: close it first.
  ~BatchWorker();
  BatchWorker(const BatchWorker&) = delete;
  BatchWorker& operator=(const BatchWorker&) = delete;

 private:
  using TaskSpan = absl::Span<const std::unique_ptr<Task>>;

  void Loop();
  void RunBatch(std::vector<std::unique_ptr<Task>> tasks);
  // One result per task.
  std::vector<absl::StatusOr<ItemOutputs>> RunIsolated(TaskSpan tasks);
  void CompleteLater(std::unique_ptr<Task> task, absl::StatusOr<ItemOutputs> outputs);

  const Options options_;
  const Parts parts_;
  std::thread thread_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_WORKER_H_
