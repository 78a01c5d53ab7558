// How much arithmetic a model is, and how fast this machine can do arithmetic of that kind.
#ifndef RADIO_TESTS_BENCHMARK_MODEL_WORK_H_
#define RADIO_TESTS_BENCHMARK_MODEL_WORK_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace radio {

// The matrix products of a ViT backbone, read from its weights.
struct ModelWork {
  // Output and input channels of every linear layer over all tokens.
  std::vector<std::pair<int64_t, int64_t>> linears;
  int64_t blocks = 0;
  int64_t channels = 0;
  bool bfloat16 = false;

  // Floating-point operations of an image with this many tokens (prefix tokens included), two per
  // multiplication and addition: in linears, in attention over the whole image, in both.
  double LinearFlopsOf(int64_t tokens) const;
  double AttentionFlopsOf(int64_t tokens) const;
  double FlopsOf(int64_t tokens) const { return LinearFlopsOf(tokens) + AttentionFlopsOf(tokens); }
};

// Throws c10::Error when the file is no module.
ModelWork ReadModelWork(const std::string& backbone_file);

// The ceiling of `device` in floating-point operations per second: the best rate of matrix products
// at the model's own shapes with `rows` tokens, among plain and (on a CPU) prepacked ones, weighted
// by their share of the work, in the precision that the engine computes in. `threads`: of a CPU.
// `seconds` is the clock.
double MatmulCeiling(const ModelWork& work, int64_t rows, c10::Device device, int threads,
                     int repeats, double (*seconds)());

// Whether the engine computes this model in bfloat16 there.
bool ComputesInBfloat16(const ModelWork& work, c10::Device device);

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_MODEL_WORK_H_
