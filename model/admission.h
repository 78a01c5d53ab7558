// Whether there is room for a request, decided before any work is done for it.
#ifndef RADIO_MODEL_ADMISSION_H_
#define RADIO_MODEL_ADMISSION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/base/mutex.h"
#include "model/batching/model_load.h"

namespace radio {

class Admission;

// A share of the server's room; given back on destruction. Movable.
class AdmissionPermit {
 public:
  AdmissionPermit() = default;
  AdmissionPermit(AdmissionPermit&& other) noexcept { *this = std::move(other); }
  AdmissionPermit& operator=(AdmissionPermit&& other) noexcept;
  ~AdmissionPermit();

 private:
  friend class Admission;
  AdmissionPermit(Admission* admission, int items, int64_t bytes)
      : admission_(admission), items_(items), bytes_(bytes) {}

  Admission* admission_ = nullptr;
  int items_ = 0;
  int64_t bytes_ = 0;
};

// Thread-safe; outlives its permits.
class Admission {
 public:
  struct Options {
    // Images in the server, from admission to the end of their call.
    int max_items = 4096;
    // Bytes of requests and of the responses they will cause.
    int64_t max_bytes = int64_t{2} << 30;
    // Work that would wait longer than this is refused, unless the queue is short.
    absl::Duration max_queue_delay = absl::Seconds(2);
    // A queue of so many images is short, however slow the model.
    int short_queue_items = 16;
  };
  // What a request asks for.
  struct Demand {
    int items = 0;
    int64_t bytes = 0;
    // Token equivalents.
    double cost = 0;
    // What a batch of the model may hold. A queue of two is short: one that runs, one behind it.
    double batch_cost = 0;
    int batch_images = 0;
    // Time until the caller's deadline.
    absl::Duration time_left = absl::InfiniteDuration();
  };

  explicit Admission(Options options) : options_(options) {}

  // What waits less than max_queue_delay is let in, and into a short queue what waits less than
  // half of the caller's time. Never blocks. Refusals: SERVER_DRAINING after Drain;
  // MEMORY_BUDGET_EXCEEDED for bytes; QUEUE_FULL for items and for waiting time, with the time
  // after which there should be room; DEADLINE_UNMEETABLE when the work ahead takes longer than
  // `time_left`.
  absl::StatusOr<AdmissionPermit> Admit(const ModelLoad& load, const Demand& demand);

  // Refuse everything from now on.
  void Drain();

  int items() const;
  int64_t bytes() const;

 private:
  friend class AdmissionPermit;
  void Release(int items, int64_t bytes);

  const Options options_;

  mutable Mutex mutex_;
  int items_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace radio

#endif  // RADIO_MODEL_ADMISSION_H_
