#include "model/engine/torch/batch_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <c10/core/Allocator.h>
#include <gmock/gmock.h>

#include <cstring>
#include <optional>
#include <string>
#include <thread>

namespace radio {
namespace {

constexpr int64_t kLarge = BatchMemory::kLargeBlock;

at::Tensor Bytes(int64_t count) { return at::empty({count}, at::kByte); }

TEST(BatchMemoryTest, LargeBlocksOfABatchAreUsedAgainAndThenGivenBack) {
  {
    const BatchMemory memory;
    const void* block = Bytes(kLarge).const_data_ptr();
    EXPECT_EQ(BatchMemory::KeptBytes(), kLarge);
    const at::Tensor again = Bytes(kLarge);
    EXPECT_EQ(again.const_data_ptr(), block);
    EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
    Bytes(3 * kLarge);
    // Far too large for a small one.
    EXPECT_EQ(BatchMemory::KeptBytes(), 3 * kLarge);
    Bytes(kLarge);
    EXPECT_EQ(BatchMemory::KeptBytes(), 4 * kLarge);
  }
  EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
}

TEST(BatchMemoryTest, SmallBlocksAreNotKept) {
  const BatchMemory memory;
  Bytes(kLarge - 1);
  EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
}

TEST(BatchMemoryTest, TensorsMayOutliveTheirBatch) {
  at::Tensor survivor;
  {
    const BatchMemory memory;
    survivor = at::ones({kLarge}, at::kByte);
  }
  EXPECT_EQ(survivor.sum().item<int64_t>(), kLarge);
  std::thread([moved = std::move(survivor)]() mutable { moved.reset(); }).join();
  EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
}

TEST(BatchMemoryTest, RawBlocksOfEverySizeAreGivenBack) {
  const BatchMemory memory;
  c10::Allocator* allocator = c10::GetAllocator(at::kCPU);
  allocator->raw_deallocate(allocator->raw_allocate(64));
  EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
  allocator->raw_deallocate(allocator->raw_allocate(kLarge));
  EXPECT_EQ(BatchMemory::KeptBytes(), kLarge);
}

TEST(BatchMemoryTest, CopiesAreTheSameBytes) {
  const BatchMemory memory;
  for (const size_t size : {size_t{5}, size_t{kLarge}}) {
    const std::string bytes(size, 'x');
    const c10::DataPtr copy = c10::GetAllocator(at::kCPU)->clone(bytes.data(), size);
    EXPECT_NE(copy.get(), bytes.data());
    EXPECT_EQ(std::memcmp(copy.get(), bytes.data(), size), 0);
  }
}

TEST(BatchMemoryTest, OverlappingBatchesShare) {
  std::optional<BatchMemory> first(std::in_place);
  {
    const BatchMemory second;
    Bytes(kLarge);
  }
  EXPECT_EQ(BatchMemory::KeptBytes(), kLarge);
  first.reset();
  EXPECT_EQ(BatchMemory::KeptBytes(), 0u);
}

}  // namespace
}  // namespace radio
