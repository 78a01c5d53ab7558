// One image on its way through a model's queue.
#ifndef RADIO_MODEL_BATCHING_TASK_H_
#define RADIO_MODEL_BATCHING_TASK_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/types.h"

namespace radio {

// Set when nobody waits for the answer any more; the first reason stays. Thread-safe.
class CancelToken {
 public:
  // The caller went away.
  void Cancel() { Set(State::kCancelled); }
  // The caller's deadline has passed.
  void Expire() { Set(State::kExpired); }

  bool cancelled() const { return state_.load(std::memory_order_relaxed) != State::kWanted; }
  bool expired() const { return state_.load(std::memory_order_relaxed) == State::kExpired; }

 private:
  enum class State { kWanted, kCancelled, kExpired };

  void Set(State state) {
    State wanted = State::kWanted;
    state_.compare_exchange_strong(wanted, state, std::memory_order_relaxed);
  }

  std::atomic<State> state_{State::kWanted};
};

// Completes exactly once: by Complete, or with CANCELLED when it is destroyed before. Not
// thread-safe; owned by one stage at a time.
class Task {
 public:
  struct Work {
    ImageTensor image;
    std::vector<OutputRequest> outputs;
    // Token equivalents, see cost_model.h.
    double cost = 0;
    // Of the pixels and of the answer.
    int64_t bytes = 0;
    // 0 is served first, greater numbers after it.
    int priority = 0;
    ClientId client = 0;
    // Clock time after which nobody waits for the answer.
    absl::Time deadline = absl::InfiniteFuture();
    // Never null.
    std::shared_ptr<const CancelToken> cancel;
  };
  struct Result {
    absl::StatusOr<ItemOutputs> outputs;
    absl::Duration queue;
    absl::Duration inference;
  };
  using Done = absl::AnyInvocable<void(Result) &&>;

  Task(Work work, Done done) : work_(std::move(work)), done_(std::move(done)) {}
  ~Task() {
    if (done_) Complete(absl::CancelledError("dropped before it ran"));
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const Work& work() const { return work_; }

  // Set by the queue and by the worker.
  absl::Time enqueued = absl::InfinitePast();
  // See QueuedItem.
  int skips = 0;
  absl::Duration queue_time;
  absl::Duration inference_time;

  // Calls `done` on this thread.
  void Complete(absl::StatusOr<ItemOutputs> outputs) {
    Done done = std::move(done_);
    done_ = nullptr;
    std::move(done)(Result{std::move(outputs), queue_time, inference_time});
  }

 private:
  const Work work_;
  Done done_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_TASK_H_
