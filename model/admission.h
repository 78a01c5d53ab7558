// Whether there is room for a request, decided before any work is done for it.
#ifndef RADIO_MODEL_ADMISSION_H_
#define RADIO_MODEL_ADMISSION_H_

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/base/mutex.h"
#include "model/batching/model_load.h"
#include "model/types.h"

namespace radio {

class Admission;

// A part of the server's room; given back on destruction. Movable.
class AdmissionPermit {
 public:
  AdmissionPermit() = default;
  AdmissionPermit(AdmissionPermit&& other) noexcept { *this = std::move(other); }
  AdmissionPermit& operator=(AdmissionPermit&& other) noexcept;
  ~AdmissionPermit();

 private:
  friend class Admission;
  AdmissionPermit(Admission* admission, ClientId client, int items, int64_t bytes)
      : admission_(admission), client_(client), items_(items), bytes_(bytes) {}

  Admission* admission_ = nullptr;
  ClientId client_ = 0;
  int items_ = 0;
  int64_t bytes_ = 0;
};

// Thread-safe; outlives its permits.
//
// How clients share a limit, be it of images, bytes or waiting work: a client that holds no more
// than `client_share` of it is let in as long as there is room at all. One that holds more is let
// in while it leaves an eighth of the limit free, or a quarter when others hold something too. So a
// client on its own has nearly everything, and still there is room for the next one at once.
class Admission {
 public:
  struct Options {
    // Images in the server, from admission to the end of their call.
    int max_items = 4096;
    // Bytes of requests and of the responses they will cause.
    int64_t max_bytes = int64_t{2} << 30;
    // Work that would wait longer than this is refused, unless the queue is short.
    absl::Duration max_queue_delay = absl::Seconds(2);
    // A queue of so many images is short, however slow the model. By the rule above a client on its
    // own has 16 of them.
    int short_queue_items = 18;
    // Of each limit, from 0 to 1. 1: clients do not matter.
    double client_share = 0.25;
  };
  // What a request asks for.
  struct Demand {
    // Whose request it is.
    ClientId client = 0;
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
  // half of the caller's time. An idle server takes a request of any size. Never blocks. Refusals:
  // SERVER_DRAINING after Drain; MEMORY_BUDGET_EXCEEDED for bytes; QUEUE_FULL for items and for
  // waiting time, with the time after which there should be room; DEADLINE_UNMEETABLE when the work
  // ahead takes longer than `time_left`.
  absl::StatusOr<AdmissionPermit> Admit(const ModelLoad& load, const Demand& demand);

  // Refuse everything from now on.
  void Drain();

  int items() const;
  int64_t bytes() const;
  // That hold something now.
  int clients() const;

 private:
  friend class AdmissionPermit;
  // What a client holds, or all do.
  struct Holding {
    int items = 0;
    int64_t bytes = 0;
  };
  // One limit, what is taken of it and by whom, and what is asked for.
  struct Room {
    double limit = 0;
    double taken = 0;
    double mine = 0;
    double asked = 0;
  };

  // How much of what is taken would have to go; 0 when the demand fits.
  double Excess(const Room& room, bool alone) const;
  // How soon the queue will have room for the demand: zero when it has now.
  absl::Duration QueueFullFor(const ModelLoad::Snapshot& load, const Demand& demand,
                              const Holding& mine) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(ClientId client, int items, int64_t bytes);

  const Options options_;

  mutable Mutex mutex_;
  Holding all_ ABSL_GUARDED_BY(mutex_);
  // Only those that hold something.
  std::unordered_map<ClientId, Holding> clients_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace radio

#endif  // RADIO_MODEL_ADMISSION_H_
