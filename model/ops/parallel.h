// at::parallel_for, as threads.
#ifndef RADIO_MODEL_OPS_PARALLEL_H_
#define RADIO_MODEL_OPS_PARALLEL_H_

// A template in a header of LibTorch's, which runs its body on the calling thread alone, without a
// word, where the compiler is not told to use OpenMP.
#ifndef _OPENMP
#error "at::parallel_for is serial without -fopenmp: add OPENMP_COPTS to the target"
#endif

#include <ATen/Parallel.h>  // IWYU pragma: export

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace radio::ops {

// Calls worker(next) on every intra-op thread; next() gives each of [0, count) to one of them, in
// order, and then `count` to all. Threads take a task when they are free: tasks differ in length,
// and cores in what else they have to do.
template <typename Worker>
void TakeTasks(int64_t count, const Worker& worker) {
  std::atomic<int64_t> taken{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t /*begin*/, int64_t /*end*/) {
    worker([&] { return std::min(taken.fetch_add(1), count); });
  });
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_PARALLEL_H_
