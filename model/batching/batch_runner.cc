#include "model/batching/batch_runner.h"

#include <iterator>
#include <utility>

#include "model/errors.h"

namespace radio {

void BatchRunner::Run(Batch batch) {
  for (std::unique_ptr<Task>& task : batch.dropped) Drop(std::move(task));
  if (!batch.run.empty()) Compute(std::move(batch.run), batch.cut);
}

void BatchRunner::Drop(std::unique_ptr<Task> task) {
  const Task::Work& work = task->work();
  absl::Status why;
  if (work.cancel->cancelled() && !work.cancel->expired()) {
    why = absl::CancelledError("the caller went away");
  } else if (!work.cancel->expired() && work.deadline > parts_.clock->Now()) {
    why = MakeError(Reason::kExpiredInQueue,
                    "the deadline is too close for the image to be computed in time");
  } else {
    why = MakeError(Reason::kExpiredInQueue, "the deadline passed while the image waited");
  }
  CompleteLater(std::move(task), std::move(why));
}

void BatchRunner::Compute(std::vector<std::unique_ptr<Task>> tasks, BatchCut cut) {
  const absl::Time start = parts_.clock->Now();
  std::vector<absl::StatusOr<ItemOutputs>> results = RunIsolated(tasks);

  BatchReport report;
  report.duration = parts_.clock->Now() - start;
  report.images = static_cast<int>(tasks.size());
  report.max_cost = parts_.queue->limits().max_cost;
  report.cut = cut;
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

std::vector<absl::StatusOr<ItemOutputs>> BatchRunner::RunIsolated(TaskSpan tasks) {
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

void BatchRunner::CompleteLater(std::unique_ptr<Task> task, absl::StatusOr<ItemOutputs> outputs) {
  parts_.schedule([task = std::move(task), outputs = std::move(outputs)]() mutable {
    task->Complete(std::move(outputs));
  });
}

}  // namespace radio
