#include "model/ops/softmax_tile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "model/ops/cpu_features.h"
#include "model/ops/vector.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace radio::ops {
namespace {

// 2^x for x <= 0 and NaN, relative error below 5e-6 down to 2^-126; less counts as that. 2^0 is 1.
// x = n + f with |f| <= 1/2; 2^f by a polynomial; 2^n by the exponent bits.
RADIO_VECTOR_INLINE Floats Exp2(const Floats& x) {
  constexpr float kSmallest = -126.0f;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits: here with the bias of
  // an exponent, so that shifted to its place it is 2^n.
  constexpr float kRound = 12582912.0f + 127.0f;
  // A comparison that NaN fails must keep it.
  const Floats clamped = x < kSmallest ? Floats{} + kSmallest : x;
  const Floats shifted = clamped + kRound;
  const Floats f = clamped - (shifted - kRound);
  const Floats square = f * f;
  // The polynomial of degree 4 with the least relative error among those that are 1 at 0.
  const Floats low = 1.0f + 0.693124245f * f;
  const Floats high = 0.240240732f + 0.0559061994f * f + 0.00958408627f * square;
  Ints exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent <<= 23;
  Floats power;
  std::memcpy(&power, &exponent, sizeof(power));
  return (low + high * square) * power;
}

// All but the narrowing: leaves the weights in `scores`.
RADIO_VECTOR_CLONES void WideRow(float* scores, int64_t columns, int64_t valid, float scale,
                                 RowState* state, float* output, int64_t channels) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  for (int64_t j = valid; j < columns; ++j) scores[j] = kNone;
  Floats largest = Floats{} + kNone;
  for (int64_t j = 0; j < columns; j += kLanes) {
    const Floats score = Load(scores + j);
    largest = score > largest ? score : largest;
  }
  float row_largest = state->largest;
  for (int lane = 0; lane < kLanes; ++lane) {
    row_largest = std::max(row_largest, largest[lane] * scale);
  }

  constexpr float kLog2E = 1.44269504f;
  const float scale2 = scale * kLog2E;
  const float largest2 = row_largest * kLog2E;
  Floats sums{};
  for (int64_t j = 0; j < columns; j += kLanes) {
    const Floats weight = Exp2(Load(scores + j) * scale2 - largest2);
    sums += weight;
    Store(weight, scores + j);
  }
  if (row_largest > state->largest) {
    const float fade = std::exp(state->largest - row_largest);
    state->largest = row_largest;
    state->sum *= fade;
    for (int64_t d = 0; d < channels; ++d) output[d] *= fade;
  }
  state->sum += Sum(sums);
}

RADIO_VECTOR_CLONES void Narrow(const float* values, int64_t count, uint16_t* target) {
  for (int64_t j = 0; j < count; j += kLanes) Store(Load(values + j), target + j);
}

#ifdef __x86_64__
// By shifts and sums the rounding takes as long as the exponential.
__attribute__((target("avx512f,avx512bf16"))) void NarrowByUnit(const float* values, int64_t count,
                                                                uint16_t* target) {
  for (int64_t j = 0; j < count; j += kLanes) {
    const __m256bh narrow = _mm512_cvtneps_pbh(_mm512_loadu_ps(values + j));
    std::memcpy(target + j, &narrow, sizeof(narrow));
  }
}
#endif

}  // namespace

void SoftmaxRow(float* scores, int64_t columns, int64_t valid, float scale, RowState* state,
                float* output, int64_t channels, uint16_t* weights) {
  WideRow(scores, columns, valid, scale, state, output, channels);
#ifdef __x86_64__
  static const bool by_unit = HasBfloat16Units();
  if (by_unit) return NarrowByUnit(scores, columns, weights);
#endif
  Narrow(scores, columns, weights);
}

}  // namespace radio::ops
