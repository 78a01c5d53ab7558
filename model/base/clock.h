// The one source of time for everything that decides by it.
#ifndef RADIO_MODEL_BASE_CLOCK_H_
#define RADIO_MODEL_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace radio {

// Thread-safe. Times are on a monotonic scale of the process's own: compare and subtract them,
// never show them as dates.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The machine's steady clock; lives forever.
  static const Clock* Real();
};

}  // namespace radio

#endif  // RADIO_MODEL_BASE_CLOCK_H_
