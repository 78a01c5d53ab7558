#include "model/preprocess/cpu_budget.h"

#include <ctime>

namespace radio {
namespace {

// Less than a millisecond of work; reading the clock is a system call.
constexpr int64_t kWorkPerReading = 1 << 16;

absl::Time ThreadTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::TimeFromTimespec(now);
}

}  // namespace

CpuBudget::CpuBudget(absl::Duration limit)
    : limited_(limit != absl::InfiniteDuration()),
      end_(limited_ ? ThreadTime() + limit : absl::InfiniteFuture()) {}

bool CpuBudget::Exceeded(int64_t work) {
  if (!limited_) return false;
  work_ += work;
  if (work_ < kWorkPerReading) return false;
  work_ = 0;
  exceeded_ = exceeded_ || ThreadTime() > end_;
  return exceeded_;
}

}  // namespace radio
