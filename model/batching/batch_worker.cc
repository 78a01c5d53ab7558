#include "model/batching/batch_worker.h"

#include <pthread.h>

#include <iterator>
#include <utility>

#include "model/errors.h"

namespace radio {

BatchWorker::BatchWorker(Options options, Parts parts)
    : options_(std::move(options)), parts_(parts), thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), "batch-worker");
}

BatchWorker::~BatchWorker() { thread_.join(); }

void BatchWorker::Loop() {
  while (true) {
    Batch batch = parts_.queue->NextBatch();
    if (batch.run.empty() && batch.dropped.empty()) return;
    for (std::unique_ptr<Task>& task : batch.dropped) {
      absl::Status why =
          task->work().cancel->cancelled() && !task->work().cancel->expired()
              ? absl::CancelledError("the caller went away")
              : MakeError(Reason::kExpiredInQueue, "the deadline passed while the image waited");
      CompleteLater(std::move(task), std::move(why));
    }
    if (!batch.run.empty()) RunBatch(std::move(batch.run));
  }
}

void BatchWorker::RunBatch(std::vector<std::unique_ptr<Task>> tasks) {
  const absl::Time start = parts_.clock->Now();
  std::vector<absl::StatusOr<ItemOutputs>> results = RunIsolated(tasks);

  BatchReport report;
  report.duration = parts_.clock->Now() - start;
  report.images = static_cast<int>(tasks.size());
  report.max_cost = parts_.queue->limits().max_cost;
  for (const std::unique_ptr<Task>& task : tasks) {
    const Size size = task->work().image.size;
    report.tokens += (size.height / options_.patch_size) * (size.width / options_.patch_size);
    report.cost += task->work().cost;
  }
  parts_.load->RecordBatch(report.cost, report.duration);
  parts_.metrics->BatchFinished(options_.model, report);
  for (size_t i = 0; i < tasks.size(); ++i) {
    tasks[i]->inference_time = report.duration;
    CompleteLater(std::move(tasks[i]), std::move(results[i]));
  }
}

std::vector<absl::StatusOr<ItemOutputs>> BatchWorker::RunIsolated(TaskSpan tasks) {
  std::vector<BatchItem> items;
  items.reserve(tasks.size());
  for (const std::unique_ptr<Task>& task : tasks) {
    items.push_back({&task->work().image, &task->work().outputs});
  }
  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> results = parts_.engine->Run(items);
  if (results.ok()) return *std::move(results);

  const bool device_failed = ReasonOf(results.status()) == Reason::kDeviceError;
  if (tasks.size() == 1 || device_failed) {
    return std::vector<absl::StatusOr<ItemOutputs>>(tasks.size(), results.status());
  }
  const size_t half = tasks.size() / 2;
  std::vector<absl::StatusOr<ItemOutputs>> all = RunIsolated(tasks.subspan(0, half));
  std::vector<absl::StatusOr<ItemOutputs>> rest = RunIsolated(tasks.subspan(half));
  std::move(rest.begin(), rest.end(), std::back_inserter(all));
  return all;
}

void BatchWorker::CompleteLater(std::unique_ptr<Task> task, absl::StatusOr<ItemOutputs> outputs) {
  parts_.completions->Schedule([task = std::move(task), outputs = std::move(outputs)]() mutable {
    task->Complete(std::move(outputs));
  });
}

}  // namespace radio
