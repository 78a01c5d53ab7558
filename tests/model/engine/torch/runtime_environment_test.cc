#include "model/engine/torch/runtime_environment.h"

#include <gmock/gmock.h>
#include <malloc.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace radio {
namespace {

std::string Value(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// main() below has called ConfigureRuntimeEnvironment: this process is the one started again.
TEST(RuntimeEnvironmentTest, CachesAreBoundedAndArgumentsSurvive) {
  EXPECT_EQ(Value("LRU_CACHE_CAPACITY"), "8");
  EXPECT_EQ(Value("ONEDNN_PRIMITIVE_CACHE_CAPACITY"), "77");
  EXPECT_EQ(Value("RADIO_TEST_STARTS"), "2");
}

TEST(RuntimeEnvironmentTest, HeapIsNotTrimmed) {
  const size_t size = 64 << 20;
  const size_t before = mallinfo2().arena;
  // Below the limit to mmap, together far above what glibc would keep by itself.
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(std::make_unique<char[]>(size / 4));
  blocks.clear();
  EXPECT_GE(mallinfo2().arena, before + size);
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) {
  const std::string starts = radio::Value("RADIO_TEST_STARTS");
  setenv("RADIO_TEST_STARTS", starts.empty() ? "1" : "2", 1);
  // Whoever sets a value keeps it.
  setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "77", 0);
  radio::ConfigureRuntimeEnvironment(argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
