#include "model/engine/torch/torch_errors.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <new>
#include <stdexcept>

#include "model/errors.h"

namespace radio {
namespace {

TEST(TorchErrorsTest, MessageLosesTracebackAndStack) {
  const std::runtime_error script(
      "The following operation failed in the TorchScript interpreter.\n"
      "Traceback of TorchScript (most recent call last):\n"
      "  File \"code/__torch__.py\", line 3, in forward\n    ~~~ <--- HERE\n"
      "RuntimeError: shapes differ:\none and two\n");
  EXPECT_EQ(ShortMessage(script), "shapes differ: one and two");
  const std::runtime_error stack("bad size\nException raised from f at g.cpp:1\nframe #0: h");
  EXPECT_EQ(ShortMessage(stack), "bad size");
  try {
    TORCH_CHECK(false, "a rule is broken: ", 7);
  } catch (const std::exception& error) {
    EXPECT_EQ(ShortMessage(error), "a rule is broken: 7");
  }
}

TEST(TorchErrorsTest, MessageIsBounded) {
  EXPECT_LE(ShortMessage(std::runtime_error(std::string(100000, 'x'))).size(), 400u);
}

TEST(TorchErrorsTest, KindIsReadFromTheMessage) {
  const auto reason = [](const std::string& text) {
    return ReasonOf(StatusOf(std::runtime_error(text), "m"));
  };
  EXPECT_EQ(reason("shapes differ"), Reason::kInferenceFailed);
  EXPECT_EQ(reason("CUDA error: an illegal memory access was encountered"), Reason::kDeviceError);
  EXPECT_EQ(reason("CUDA out of memory. Tried to allocate 2 GiB"), Reason::kInferenceFailed);
  EXPECT_EQ(reason("CUDA error: out of memory"), Reason::kInferenceFailed);
  EXPECT_EQ(reason("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), Reason::kDeviceError);
  EXPECT_EQ(reason("CUBLAS_STATUS_EXECUTION_FAILED when calling f"), Reason::kDeviceError);
}

TEST(TorchErrorsTest, WantOfMemoryIsMarked) {
  EXPECT_TRUE(IsOutOfMemory(StatusOf(std::bad_alloc(), "m")));
  EXPECT_TRUE(IsOutOfMemory(StatusOf(
      std::runtime_error("DefaultCPUAllocator: can't allocate memory: you tried ..."), "m")));
  EXPECT_TRUE(IsOutOfMemory(StatusOf(std::runtime_error("CUDA out of memory."), "m")));
  EXPECT_TRUE(IsOutOfMemory(StatusOf(std::runtime_error("RuntimeError: std::bad_alloc"), "m")));
  try {
    TORCH_CHECK_WITH(OutOfMemoryError, false, "tried to allocate 2 GiB");
  } catch (const std::exception& error) {
    EXPECT_TRUE(IsOutOfMemory(StatusOf(error, "m")));
  }
  EXPECT_FALSE(IsOutOfMemory(StatusOf(std::runtime_error("shapes differ"), "m")));
}

}  // namespace
}  // namespace radio
