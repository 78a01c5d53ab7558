// 2^x of vectors.
#ifndef RADIO_MODEL_OPS_EXP2_H_
#define RADIO_MODEL_OPS_EXP2_H_

#include <cstring>

#include "model/ops/vector.h"

namespace radio::ops {

// x to the nearest integer n and x - n, and a 2^n.
struct Split {
  Floats whole;
  Floats fraction;
};

// 1.5 * 2^23, with the bias of an exponent: adding it rounds to an integer and leaves that in the
// lowest bits, which shifted to their place are 2^n.
inline constexpr float kRound = 12582912.0f + 127.0f;

template <bool kByUnit>
RADIO_VECTOR_INLINE Split SplitOf(const Floats& x) {
#ifdef __x86_64__
  if (kByUnit) {
    Floats fraction;
    __asm__("vreduceps $8, %1, %0" : "=v"(fraction) : "v"(x));
    return {x - fraction, fraction};
  }
#endif
  const Floats whole = (x + kRound) - kRound;
  return {whole, x - whole};
}

template <bool kByUnit>
RADIO_VECTOR_INLINE Floats Scale(const Floats& a, const Floats& whole) {
#ifdef __x86_64__
  if (kByUnit) {
    Floats scaled;
    __asm__("vscalefps %2, %1, %0" : "=v"(scaled) : "v"(a), "v"(whole));
    return scaled;
  }
#endif
  const Floats shifted = whole + kRound;
  Ints exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent <<= 23;
  Floats power;
  std::memcpy(&power, &exponent, sizeof(power));
  return a * power;
}

// 2^x for x <= 0 and NaN, relative error below 5e-6 down to 2^-125; less counts as that: a step
// from the denormal numbers, which take a processor a hundred times as long. 2^0 is 1. x = n + f
// with |f| <= 1/2; 2^f by a polynomial.
template <bool kByUnit>
RADIO_VECTOR_INLINE Floats Exp2(const Floats& x) {
  constexpr float kSmallest = -125.0f;
  // A comparison that NaN fails must keep it.
  const Floats clamped = x < kSmallest ? Floats{} + kSmallest : x;
  const auto [whole, f] = SplitOf<kByUnit>(clamped);
  const Floats square = f * f;
  // The polynomial of degree 4 with the least relative error among those that are 1 at 0.
  const Floats low = 1.0f + 0.693124245f * f;
  const Floats high = 0.240240732f + 0.0559061994f * f + 0.00958408627f * square;
  return Scale<kByUnit>(low + high * square, whole);
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_EXP2_H_
