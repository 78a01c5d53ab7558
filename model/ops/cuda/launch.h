// Which thread of a launch does what; every kernel runs blocks of kThreads threads.
#ifndef RADIO_MODEL_OPS_CUDA_LAUNCH_H_
#define RADIO_MODEL_OPS_CUDA_LAUNCH_H_

#include <cstdint>

#include "model/ops/host_device.h"

namespace radio::ops::cuda {

inline constexpr int kThreads = 256;

// Blocks for one thread per item. At most 2^31 - 1, the limit of a grid: 5 * 10^11 items.
inline unsigned Blocks(int64_t items) {
  return static_cast<unsigned>((items + kThreads - 1) / kThreads);
}

// The item of a thread; those of the last block's tail are beyond the number of items.
RADIO_HOST_DEVICE inline int64_t ItemOf(unsigned block, unsigned thread) {
  return static_cast<int64_t>(block) * kThreads + thread;
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_LAUNCH_H_
