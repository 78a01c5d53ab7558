// 2^x of vectors.
#ifndef RADIO_MODEL_OPS_EXP2_H_
#define RADIO_MODEL_OPS_EXP2_H_

#include <cstring>

#include "model/ops/vector.h"

namespace radio::ops {

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

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_EXP2_H_
