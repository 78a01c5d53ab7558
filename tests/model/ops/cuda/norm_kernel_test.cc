#include "model/ops/cuda/norm_kernel.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/model/ops/cuda/host_launch.h"

namespace radio::ops::cuda {
namespace {

constexpr float kEpsilon = 1e-6f;

// Rows without a pattern that a wrong order would keep.
std::vector<float> Waves(int64_t count, float frequency) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(2.0f * std::sin(frequency * static_cast<float>(i)) + 0.5f);
  }
  return values;
}

struct Case {
  Case(int64_t rows, int64_t channels)
      : residual(Waves(rows * channels, 1.7f)),
        addend(Waves(rows * channels, 0.9f)),
        weight(Waves(channels, 0.3f)),
        bias(Waves(channels, 2.3f)) {
    run = {rows,          channels,    residual.data(), addend.data(), Element::kFloat32,
           weight.data(), bias.data(), kEpsilon,        nullptr,       Element::kFloat32};
  }
  std::vector<float> residual;
  std::vector<float> addend;
  std::vector<float> weight;
  std::vector<float> bias;
  NormRows run;
};

// All blocks of the kernel: between its steps all threads meet.
void Launch(const NormRows& rows, unsigned threads) {
  std::vector<float> row(static_cast<size_t>(rows.channels));
  const float count = static_cast<float>(rows.channels);
  for (int64_t index = 0; index < rows.rows; ++index) {
    float sum = 0.0f;
    float squares = 0.0f;
    for (unsigned t = 0; t < threads; ++t) sum += AddToRow<float>(rows, index, t, row.data());
    const float mean = sum / count;
    for (unsigned t = 0; t < threads; ++t) squares += SquaredDistance(rows, t, mean, row.data());
    const float scale = 1.0f / std::sqrt(squares / count + rows.epsilon);
    for (unsigned t = 0; t < threads; ++t) {
      WriteNorm<Counted>(rows, index, t, mean, scale, row.data());
    }
  }
}

std::string FaultOf(int64_t rows, int64_t channels, bool add, unsigned threads = kThreads,
                    int64_t stride = 0) {
  Case c(rows, channels);
  std::vector<float> sums = c.residual;
  if (add) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += c.addend[i];
  } else {
    c.run.addend = nullptr;
  }
  CountedOutput output(rows * channels);
  c.run.output = output.data();
  if (stride != 0) c.run.channels = stride;
  Launch(c.run, threads);
  if (c.residual != sums) return "the residual is not the sum";
  return output.Fault(
      [&](int64_t i) {
        const int64_t first = i / channels * channels;
        double mean = 0.0;
        double variance = 0.0;
        for (int64_t k = first; k < first + channels; ++k) {
          mean += sums[static_cast<size_t>(k)] / static_cast<double>(channels);
        }
        for (int64_t k = first; k < first + channels; ++k) {
          const double distance = sums[static_cast<size_t>(k)] - mean;
          variance += distance * distance / static_cast<double>(channels);
        }
        const size_t channel = static_cast<size_t>(i - first);
        return static_cast<float>((sums[static_cast<size_t>(i)] - mean) /
                                      std::sqrt(variance + double{kEpsilon}) * c.weight[channel] +
                                  c.bias[channel]);
      },
      /*tolerance=*/1e-4f);
}

TEST(NormKernelTest, EveryRowIsAddedAndNormalisedOnce) {
  for (const int64_t channels : {1, 40, 255, 256, 257, 768, 1407}) {
    for (const bool add : {false, true}) {
      EXPECT_EQ(FaultOf(5, channels, add), "") << channels;
    }
  }
}

// The checks above can fail.
TEST(NormKernelTest, MissingThreadsAndWrongStridesAreCaught) {
  EXPECT_THAT(FaultOf(2, 257, false, kThreads - 1), testing::StartsWith("element "));
  EXPECT_EQ(FaultOf(2, 257, true, kThreads - 1), "the residual is not the sum");
  EXPECT_EQ(FaultOf(2, 257, true, kThreads, 256), "the residual is not the sum");
  EXPECT_NE(FaultOf(2, 257, false, kThreads, 256), "");
}

}  // namespace
}  // namespace radio::ops::cuda
