#include "model/ops/cuda/epilogue_kernel.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/model/ops/cuda/host_launch.h"

namespace radio::ops::cuda {
namespace {

// Of sizes that vectors divide or not; two of Counted are 16 bytes.
struct Case {
  Case(int64_t rows, int64_t columns)
      : output(rows * columns), bias(columns), residual(rows * columns) {
    for (int64_t i = 0; i < rows * columns; ++i) {
      output.data()[i].value = Value(i);
      residual.data()[i].value = Residual(i);
    }
    for (int64_t i = 0; i < columns; ++i) bias.data()[i].value = Bias(i);
    epilogue = {output.data(), bias.data(), residual.data(), Element::kFloat32, rows * columns,
                columns,       false};
  }
  static float Value(int64_t i) { return 0.37f * static_cast<float>(i % 23) - 4.0f; }
  static float Bias(int64_t column) { return 0.25f * static_cast<float>(column) - 3.0f; }
  static float Residual(int64_t i) { return 7.0f * static_cast<float>(i); }

  CountedOutput output;
  CountedOutput bias;
  CountedOutput residual;
  LinearEpilogue epilogue;
};

float Expected(const LinearEpilogue& epilogue, int64_t i) {
  double value = Case::Value(i);
  if (epilogue.bias != nullptr) value += Case::Bias(i % epilogue.columns);
  if (epilogue.gelu) value *= 0.5 * (1.0 + std::erf(value / std::sqrt(2.0)));
  if (epilogue.residual != nullptr) value += Case::Residual(i);
  return static_cast<float>(value);
}

void Launch(const LinearEpilogue& epilogue, unsigned blocks) {
  const int width = VectorWidth(epilogue, sizeof(Counted));
  OnEveryThread(blocks, [&](unsigned block, unsigned thread) {
    if (width == 1) {
      ApplyEpilogue<Counted, 1>(epilogue, ItemOf(block, thread));
    } else {
      ApplyEpilogue<Counted, 2>(epilogue, ItemOf(block, thread));
    }
  });
}

unsigned BlocksOf(const LinearEpilogue& epilogue) {
  return Blocks(epilogue.count / VectorWidth(epilogue, sizeof(Counted)));
}

TEST(EpilogueKernelTest, EveryElementGetsItsOwnBiasAndResidualOnce) {
  for (const int64_t columns : {1, 2, 7, 96, 333}) {
    for (const int64_t rows : {1, 5, 17}) {
      for (int options = 0; options < 8; ++options) {
        Case c(rows, columns);
        c.epilogue.gelu = (options & 1) != 0;
        if ((options & 2) != 0) c.epilogue.bias = nullptr;
        if ((options & 4) != 0) c.epilogue.residual = nullptr;
        Launch(c.epilogue, BlocksOf(c.epilogue));
        EXPECT_EQ(c.output.Fault([&](int64_t i) { return Expected(c.epilogue, i); }, 2e-3f), "")
            << rows << " x " << columns << ", options " << options;
      }
    }
  }
}

TEST(EpilogueKernelTest, VectorsNeedWholeRowsAndAlignment) {
  alignas(16) const float memory[8] = {};
  LinearEpilogue epilogue = {nullptr, memory, nullptr, Element::kFloat32, 64, 16, false};
  EXPECT_EQ(VectorWidth(epilogue, 4), 4);
  EXPECT_EQ(VectorWidth(epilogue, 2), 8);
  epilogue.columns = 12;
  EXPECT_EQ(VectorWidth(epilogue, 4), 4);
  EXPECT_EQ(VectorWidth(epilogue, 2), 1);
  epilogue.bias = memory + 1;
  EXPECT_EQ(VectorWidth(epilogue, 4), 1);
}

TEST(EpilogueKernelTest, GeluIsExact) {
  for (const float x : {-6.0f, -1.0f, -0.1f, 0.0f, 0.5f, 3.0f}) {
    EXPECT_NEAR(Gelu(x), 0.5 * double{x} * (1.0 + std::erf(double{x} / std::sqrt(2.0))), 1e-6);
  }
}

// The checks above can fail.
TEST(EpilogueKernelTest, WrongLaunchesAndColumnsAreCaught) {
  const auto fault = [](int64_t columns, unsigned missing_blocks) {
    Case c(5, 333);
    const LinearEpilogue meant = c.epilogue;
    c.epilogue.columns = columns;
    Launch(c.epilogue, BlocksOf(c.epilogue) - missing_blocks);
    return c.output.Fault([&](int64_t i) { return Expected(meant, i); }, 2e-3f);
  };
  ASSERT_EQ(fault(333, 0), "");
  EXPECT_EQ(fault(333, 1), "element 1536 of 1665 was written 0 times");
  EXPECT_THAT(fault(331, 0), testing::StartsWith("element 331 of 1665 is"));
}

}  // namespace
}  // namespace radio::ops::cuda
