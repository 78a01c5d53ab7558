// The threads that keep one model's engine busy.
#ifndef RADIO_MODEL_BATCHING_BATCH_WORKER_H_
#define RADIO_MODEL_BATCHING_BATCH_WORKER_H_

#include <thread>
#include <vector>

#include "model/base/thread_pool.h"
#include "model/batching/batch_queue.h"
#include "model/batching/batch_runner.h"

namespace radio {

// Takes batches from the queue until it is closed and empty, runs them and completes their tasks on
// the completion pool. As many at once as are worth it for the engine: while it computes one,
// another is staged.
class BatchWorker {
 public:
  using Options = BatchRunner::Options;
  // What the worker works with; all must outlive it.
  struct Parts {
    BatchQueue* queue;
    Engine* engine;
    ThreadPool* completions;
    ModelLoad* load;
    const Clock* clock;
    MetricsSink* metrics;
  };

  // Starts the threads.
  BatchWorker(Options options, Parts parts);
  // Waits for the queue to be closed and emptied: close it first.
  ~BatchWorker();
  BatchWorker(const BatchWorker&) = delete;
  BatchWorker& operator=(const BatchWorker&) = delete;

 private:
  void Loop();

  BatchQueue* const queue_;
  BatchRunner runner_;
  std::vector<std::thread> threads_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BATCH_WORKER_H_
