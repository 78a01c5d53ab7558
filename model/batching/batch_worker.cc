#include "model/batching/batch_worker.h"

#include <pthread.h>

#include <utility>

namespace radio {

BatchWorker::BatchWorker(Options options, Parts parts)
    : queue_(parts.queue),
      runner_(std::move(options),
              {parts.queue, parts.engine, parts.load, parts.clock, parts.metrics,
               [pool = parts.completions](absl::AnyInvocable<void()> completion) {
                 pool->Schedule(std::move(completion));
               }}) {
  for (int i = 0; i < parts.engine->overlapping_runs(); ++i) {
    pthread_setname_np(threads_.emplace_back([this] { Loop(); }).native_handle(), "batch-worker");
  }
}

BatchWorker::~BatchWorker() {
  for (std::thread& thread : threads_) thread.join();
}

void BatchWorker::Loop() {
  while (true) {
    Batch batch = queue_->NextBatch();
    if (batch.run.empty() && batch.dropped.empty()) return;
    runner_.Run(std::move(batch));
    queue_->Done();
  }
}

}  // namespace radio
