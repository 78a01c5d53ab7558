#include "model/engine/torch/runtime_environment.h"

#include <gmock/gmock.h>

#include <cstdlib>
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
  EXPECT_EQ(Value("ONEDNN_PRIMITIVE_CACHE_CAPACITY"), "77");
  EXPECT_EQ(Value("RADIO_TEST_STARTS"), "2");
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
