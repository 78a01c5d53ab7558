// CPU time that a piece of work may take.
#ifndef RADIO_MODEL_PREPROCESS_CPU_BUDGET_H_
#define RADIO_MODEL_PREPROCESS_CPU_BUDGET_H_

#include <cstdint>

#include "absl/time/time.h"

namespace radio {

// The budget of one thread, which makes the object and asks it; other threads' load does not count.
class CpuBudget {
 public:
  // Counts from now. Infinite: the clock is never read.
  explicit CpuBudget(absl::Duration limit);

  // Whether the limit has passed. To be asked often: the clock is read once in 65536 units of
  // `work`, pixels or bytes done since the last question.
  bool Exceeded(int64_t work);
  // Whether Exceeded has ever said so.
  bool exceeded() const { return exceeded_; }

 private:
  const bool limited_;
  // On the thread's own clock.
  const absl::Time end_;
  int64_t work_ = 0;
  bool exceeded_ = false;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_CPU_BUDGET_H_
