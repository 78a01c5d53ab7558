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
               }}),
      thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), "batch-worker");
}

BatchWorker::~BatchWorker() { thread_.join(); }

void BatchWorker::Loop() {
  while (true) {
    Batch batch = queue_->NextBatch();
    if (batch.run.empty() && batch.dropped.empty()) return;
    runner_.Run(std::move(batch));
  }
}

}  // namespace radio
