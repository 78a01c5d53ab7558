#include "model/engine/torch/runtime_environment.h"

#include <gmock/gmock.h>
#include <malloc.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace radio {
namespace {

std::string Value(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// main() below has called ConfigureRuntimeEnvironment: this process is the one started again.
TEST(RuntimeEnvironmentTest, CachesAreBoundedAndArgumentsSurvive) {
  EXPECT_EQ(Value("LRU_CACHE_CAPACITY"), "8");
  EXPECT_EQ(Value("PYTORCH_ALLOC_CONF"), "expandable_segments:True");
  EXPECT_EQ(Value("ONEDNN_PRIMITIVE_CACHE_CAPACITY"), "77");
  EXPECT_EQ(Value("RADIO_TEST_STARTS"), "2");
}

TEST(RuntimeEnvironmentTest, LargeBlocksAreNeverPartOfTheHeap) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers bring their own heap";
#endif
  // By itself glibc would take the next blocks of up to this size from the heap.
  delete[] new char[16 << 20];
  const size_t before = mallinfo2().hblkhd;
  const auto block = std::make_unique<char[]>(2 << 20);
  EXPECT_GE(mallinfo2().hblkhd, before + (2 << 20));
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
