// Bytes as operations on a queue of images: whatever their order, each image is handed out once, no
// batch is larger than its limits, none holds what nobody waits for, and none is taken while
// another is not done unless a full one waits.
#include <cstdint>
#include <memory>
#include <vector>

#include "model/batching/batch_queue.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

class Driver {
 public:
  Driver(const uint8_t* data, size_t size) : data_(data), size_(size), limits_(Limits()) {}

  void Run() {
    while (size_ > 0) Step();
    queue_.Close();
    closed_ = true;
    while (queue_.depth() > 0) TakeOrDone();
    const Batch last = queue_.NextBatch();
    FUZZ_CHECK(last.run.empty() && last.dropped.empty());
    FUZZ_CHECK(completed_ == submitted_);
  }

 private:
  uint8_t Next() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  BatchLimits Limits() {
    BatchLimits limits;
    limits.max_cost = 1 + Next();
    limits.max_images = 1 + Next() % 16;
    limits.mixed_sizes = Next() % 2 == 0;
    return limits;
  }

  void Step() {
    switch (Next() % 8) {
      case 0:
        return clock_.Advance(absl::Milliseconds(Next()));
      case 1:
        if (!cancels_.empty()) cancels_[Next() % cancels_.size()]->Cancel();
        return;
      case 2:
        if (!cancels_.empty()) cancels_[Next() % cancels_.size()]->Expire();
        return;
      case 3:
        if (queue_.depth() > 0) TakeOrDone();
        return;
      case 4:
        if (Next() != 255) return Done();
        queue_.Close();
        closed_ = true;
        return;
      default:
        return Submit();
    }
  }

  void Submit() {
    const uint8_t side = Next();
    const uint8_t wait = Next();
    Task::Work work;
    work.image.size = {16 * (1 + side % 4), 16 * (1 + side / 4 % 4)};
    work.cost = 1 + side % 64;
    if (wait < 200) work.deadline = clock_.Now() + absl::Milliseconds(wait);
    const double cost = work.cost;
    cancels_.push_back(std::make_shared<CancelToken>());
    work.cancel = cancels_.back();
    auto task = std::make_unique<Task>(std::move(work), [this](Task::Result) { ++completed_; });
    ++submitted_;
    const absl::Status submitted = queue_.Submit(task);
    FUZZ_CHECK(submitted.ok() != closed_);
    FUZZ_CHECK((task == nullptr) == submitted.ok());
    if (submitted.ok()) waiting_cost_ += cost;
    // Destroying a refused task completes it.
  }

  void TakeOrDone() {
    if (!queue_.ready()) return Done();
    const size_t depth = queue_.depth();
    if (not_done_ > 0) {
      FUZZ_CHECK(depth >= static_cast<size_t>(limits_.max_images) ||
                 waiting_cost_ >= limits_.max_cost);
    }
    const Batch batch = queue_.NextBatch();
    FUZZ_CHECK(!batch.run.empty() || !batch.dropped.empty());
    ++not_done_;
    for (const auto* tasks : {&batch.run, &batch.dropped}) {
      for (const std::unique_ptr<Task>& task : *tasks) waiting_cost_ -= task->work().cost;
    }
    FUZZ_CHECK(queue_.depth() == depth - batch.run.size() - batch.dropped.size());
    FUZZ_CHECK(static_cast<int>(batch.run.size()) <= limits_.max_images);
    double cost = 0;
    for (const std::unique_ptr<Task>& task : batch.run) {
      const Task::Work& work = task->work();
      cost += work.cost;
      FUZZ_CHECK(!work.cancel->cancelled() && work.deadline > clock_.Now());
      FUZZ_CHECK(limits_.mixed_sizes || work.image.size == batch.run[0]->work().image.size);
    }
    FUZZ_CHECK(cost <= limits_.max_cost || batch.run.size() == 1);
  }

  void Done() {
    if (not_done_ == 0) return;
    --not_done_;
    queue_.Done();
  }

  const uint8_t* data_;
  size_t size_;
  const BatchLimits limits_;
  SimulatedClock clock_;
  BatchQueue queue_{{limits_}, &clock_};
  std::vector<std::shared_ptr<CancelToken>> cancels_;
  bool closed_ = false;
  double waiting_cost_ = 0;
  int submitted_ = 0;
  int completed_ = 0;
  // Batches.
  int not_done_ = 0;
};

}  // namespace
}  // namespace radio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  radio::Driver(data, size).Run();
  return 0;
}
