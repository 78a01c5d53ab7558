#include "model/batching/batch_runner.h"

#include <iterator>
#include <utility>

#include "model/errors.h"

namespace radio {
namespace {

// A budget that a batch was filled up to may be a rounding error below the batch's cost.
constexpr double kRounding = 1 + 1e-9;

// Until other images have left the device.
constexpr absl::Duration kRetryWithoutMemory = absl::Seconds(1);

double CostOf(absl::Span<const std::unique_ptr<Task>> tasks) {
  double cost = 0;
  for (const std::unique_ptr<Task>& task : tasks) cost += task->work().cost;
  return cost;
}

}  // namespace

void BatchRunner::Run(Batch batch) {
  for (std::unique_ptr<Task>& task : batch.dropped) Drop(std::move(task));
  if (!batch.run.empty()) Compute(std::move(batch));
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

void BatchRunner::Compute(Batch batch) {
  const absl::Time start = parts_.clock->Now();
  {
    MutexLock lock(&mutex_);
    if (runs_++ == 0) accounted_until_ = start;
  }
  BatchReport report;
  Results results = RunIsolated(batch.run, &report.out_of_memory);
  if (report.out_of_memory == 0) parts_.queue->budget().Success();

  absl::Duration inference_time;
  {
    MutexLock lock(&mutex_);
    const absl::Time end = parts_.clock->Now();
    inference_time = end - start;
    report.duration = end - accounted_until_;
    accounted_until_ = end;
    --runs_;
  }
  report.images = static_cast<int>(batch.run.size());
  report.cost = CostOf(batch.run);
  report.max_cost = batch.max_cost;
  report.cut = batch.cut;
  for (const std::unique_ptr<Task>& task : batch.run) {
    const Size size = task->work().image.size;
    report.tokens += (size.height / options_.patch_size) * (size.width / options_.patch_size);
  }
  parts_.load->RecordBatch(report.cost, report.duration);
  parts_.metrics->BatchFinished(options_.model, report);
  for (size_t i = 0; i < batch.run.size(); ++i) {
    batch.run[i]->inference_time = inference_time;
    CompleteLater(std::move(batch.run[i]), std::move(results[i]));
  }
}

BatchRunner::Results BatchRunner::RunIsolated(TaskSpan tasks, int* out_of_memory) {
  // Only what was chosen before a batch, this one or another, ran out of memory costs more.
  if (tasks.size() > 1 && CostOf(tasks) > parts_.queue->budget().current() * kRounding) {
    return RunHalves(tasks, out_of_memory);
  }
  std::vector<BatchItem> items;
  items.reserve(tasks.size());
  for (const std::unique_ptr<Task>& task : tasks) {
    items.push_back({&task->work().image, &task->work().outputs});
  }
  absl::StatusOr<Results> results = parts_.engine->Run(items);
  if (results.ok()) return *std::move(results);

  absl::Status status = results.status();
  if (ReasonOf(status) == Reason::kDeviceError) return Results(tasks.size(), status);
  if (IsOutOfMemory(status)) {
    ++*out_of_memory;
    parts_.engine->ReleaseMemory();
    parts_.queue->budget().OutOfMemory(CostOf(tasks));
    status = MakeError(Reason::kMemoryBudgetExceeded, "the device has no memory for this image");
    SetRetryAfter(&status, kRetryWithoutMemory);
  }
  if (tasks.size() == 1) return Results(1, status);
  return RunHalves(tasks, out_of_memory);
}

BatchRunner::Results BatchRunner::RunHalves(TaskSpan tasks, int* out_of_memory) {
  const size_t half = tasks.size() / 2;
  Results all = RunIsolated(tasks.subspan(0, half), out_of_memory);
  Results rest = RunIsolated(tasks.subspan(half), out_of_memory);
  std::move(rest.begin(), rest.end(), std::back_inserter(all));
  return all;
}

void BatchRunner::CompleteLater(std::unique_ptr<Task> task, absl::StatusOr<ItemOutputs> outputs) {
  parts_.schedule([task = std::move(task), outputs = std::move(outputs)]() mutable {
    task->Complete(std::move(outputs));
  });
}

}  // namespace radio
