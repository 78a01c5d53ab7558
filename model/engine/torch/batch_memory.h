// Memory of the tensors of a batch on the CPU.
#ifndef RADIO_MODEL_ENGINE_TORCH_BATCH_MEMORY_H_
#define RADIO_MODEL_ENGINE_TORCH_BATCH_MEMORY_H_

#include <cstddef>

namespace radio {

// Every layer of a model frees tensors of the sizes that the next one allocates, and fresh memory
// costs a page fault every 4 KB: a quarter of the time of a small model on matrix units. The heap
// would keep them, but also whatever else a batch has left behind, some tens of MB more or less
// after each.
//
// While one of these lives, blocks of LibTorch's CPU tensors of at least kLargeBlock bytes that are
// freed, on whatever thread, are kept for tensors of about their size; when the last is destroyed
// they are given back. Blocks that outlive it are freed as always. Thread-safe.
class BatchMemory {
 public:
  // Below it tensors come from the heap. The heap gives larger blocks back at once
  // (runtime_environment.cc).
  static constexpr size_t kLargeBlock = 1 << 20;

  BatchMemory();
  ~BatchMemory();
  BatchMemory(const BatchMemory&) = delete;
  BatchMemory& operator=(const BatchMemory&) = delete;

  // Bytes kept at the moment.
  static size_t KeptBytes();
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_BATCH_MEMORY_H_
