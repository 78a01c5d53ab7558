// Batches for benchmarks of an engine: images of noise, of which summary and features are wanted.
#ifndef RADIO_TESTS_BENCHMARK_NOISE_BATCH_H_
#define RADIO_TESTS_BENCHMARK_NOISE_BATCH_H_

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"

namespace radio {

// Heights and widths in pixels, before they are fitted to a model's step.
using Sides = std::vector<std::pair<int, int>>;

// A wide mix of squares, where padding hurts most.
const Sides& WideMix();
// Sizes that a server which batches equal ones would queue apart.
const Sides& EightSizes();

std::vector<Size> Fit(const ModelSpec& spec, const Sides& sides);

// Any size of up to `longest` pixels a side.
Size RandomSize(const ModelSpec& spec, int longest, std::mt19937& random);

// Prefix tokens included.
int64_t TokensOf(const ModelSpec& spec, Size size);

class NoiseBatch {
 public:
  NoiseBatch(const std::vector<Size>& sizes, std::mt19937& random);
  NoiseBatch(NoiseBatch&&) = default;
  NoiseBatch(const NoiseBatch&) = delete;
  NoiseBatch& operator=(const NoiseBatch&) = delete;

  size_t size() const { return images_.size(); }
  // Seconds of a run, by the clock `seconds`. Ends the program when the engine fails. Thread-safe.
  double TimeRun(Engine* engine, double (*seconds)()) const;

 private:
  std::vector<ImageTensor> images_;
  std::vector<BatchItem> items_;
};

// Time of batches of two sizes of up to `longest` pixels that were never seen before, over that of
// their own repetition; `count` of them.
double UnseenOverRepeated(Engine* engine, const ModelSpec& spec, int longest, int count,
                          std::mt19937& random, double (*seconds)());

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_NOISE_BATCH_H_
