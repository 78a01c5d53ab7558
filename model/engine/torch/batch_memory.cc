#include "model/engine/torch/batch_memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <map>
#include <mutex>
#include <unordered_map>

namespace radio {
namespace {

class BlockCache {
 public:
  // A kept block of at least `size` bytes and not much more, else a new one.
  void* Take(size_t size) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto fitting = kept_.lower_bound(size);
      if (fitting != kept_.end() && fitting->first <= size + size / 4) {
        void* block = fitting->second;
        kept_.erase(fitting);
        return block;
      }
    }
    void* block = c10::alloc_cpu(size);
    const std::lock_guard<std::mutex> lock(mutex_);
    sizes_.emplace(block, size);
    return block;
  }

  // False if the block is none of these.
  bool Free(void* block) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto it = sizes_.find(block);
      if (it == sizes_.end()) return false;
      if (batches_ > 0) {
        kept_.emplace(it->second, block);
        return true;
      }
      sizes_.erase(it);
    }
    c10::free_cpu(block);
    return true;
  }

  void BeginBatch() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++batches_;
  }

  void EndBatch() {
    std::multimap<size_t, void*> unused;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--batches_ > 0) return;
      for (const auto& [size, block] : kept_) sizes_.erase(block);
      unused.swap(kept_);
    }
    for (const auto& [size, block] : unused) c10::free_cpu(block);
  }

  size_t kept_bytes() {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_t bytes = 0;
    for (const auto& [size, block] : kept_) bytes += size;
    return bytes;
  }

 private:
  std::mutex mutex_;
  int batches_ = 0;
  // Of all blocks that came from here, in use or kept.
  std::unordered_map<void*, size_t> sizes_;
  std::multimap<size_t, void*> kept_;
};

BlockCache& Cache() {
  // Tensors may be freed while the process ends.
  static auto* cache = new BlockCache();
  return *cache;
}

// LibTorch's own allocator, but for large blocks.
class BatchAllocator final : public c10::Allocator {
 public:
  explicit BatchAllocator(c10::Allocator* base) : base_(base) {
    base_deleter_ = base->raw_deleter();
  }

  c10::DataPtr allocate(size_t size) override {
    if (size < BatchMemory::kLargeBlock) return base_->allocate(size);
    void* block = Cache().Take(size);
    return {block, block, &Free, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* target, const void* source, size_t count) const override {
    default_copy_data(target, source, count);
  }

 private:
  static void Free(void* block) {
    if (block != nullptr && !Cache().Free(block)) base_deleter_(block);
  }

  static inline c10::DeleterFnPtr base_deleter_ = nullptr;
  c10::Allocator* base_;
};

}  // namespace

BatchMemory::BatchMemory() {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::SetCPUAllocator(new BatchAllocator(c10::GetCPUAllocator()), /*priority=*/1);
  });
  Cache().BeginBatch();
}

BatchMemory::~BatchMemory() { Cache().EndBatch(); }

size_t BatchMemory::KeptBytes() { return Cache().kept_bytes(); }

}  // namespace radio
