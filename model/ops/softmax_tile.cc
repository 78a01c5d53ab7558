#include "model/ops/softmax_tile.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "model/ops/vector.h"

namespace radio::ops {
namespace {

// exp(x) for x <= 0 and NaN, relative error below 3e-7 down to exp(-87); less counts as that.
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial; 2^n by the exponent bits.
RADIO_VECTOR_INLINE void Exp(Floats* x) {
  constexpr float kSmallest = -87.0f;
  constexpr float kLog2E = 1.44269504f;
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits.
  constexpr float kRound = 12582912.0f;
  // A comparison that NaN fails must keep it.
  const Floats clamped = *x < kSmallest ? Floats{} + kSmallest : *x;
  const Floats shifted = clamped * kLog2E + kRound;
  const Floats n = shifted - kRound;
  const Floats r = clamped - n * kLn2High - n * kLn2Low;
  const Floats high =
      r * (1.0f / 6) + 0.5f + r * r * (1.0f / 24 + r * (1.0f / 120) + r * r * (1.0f / 720));
  const Floats power = 1.0f + r + r * r * high;
  Ints bits;
  Ints exponent;
  std::memcpy(&bits, &power, sizeof(bits));
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  bits += exponent << 23;
  Floats result;
  std::memcpy(&result, &bits, sizeof(result));
  // NaN's bits must not be shifted away.
  *x = clamped != clamped ? clamped : result;
}

}  // namespace

RADIO_VECTOR_CLONES void SoftmaxRow(float* scores, int64_t columns, int64_t valid, float scale,
                                    RowState* state, float* output, int64_t channels,
                                    uint16_t* weights) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  for (int64_t j = valid; j < columns; ++j) scores[j] = kNone;
  Floats largest = Floats{} + kNone;
  for (int64_t j = 0; j < columns; j += kLanes) {
    const Floats score = Load(scores + j);
    largest = score > largest ? score : largest;
  }
  float row_largest = state->largest;
  for (int lane = 0; lane < kLanes; ++lane)
    row_largest = std::fmax(row_largest, largest[lane] * scale);

  Floats sums{};
  for (int64_t j = 0; j < columns; j += kLanes) {
    Floats weight = Load(scores + j) * scale - row_largest;
    Exp(&weight);
    sums += weight;
    Store(weight, weights + j);
  }
  const float sum = Sum(sums);

  const float fade = std::exp(state->largest - row_largest);
  state->sum = state->sum * fade + sum;
  state->largest = row_largest;
  for (int64_t d = 0; d < channels; ++d) output[d] *= fade;
}

}  // namespace radio::ops
