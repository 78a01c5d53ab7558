// Which input pixels an output pixel is made of, along one axis.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace radio {

// Weights are fixed-point numbers with this many fractional bits: 8 bits of pixel and 2 for
// overshoot and sign leave these of a 32-bit sum (Pillow's choice; it makes the results equal to
// the bit).
inline constexpr int kFractionBits = 32 - 8 - 2;
// A weight is high * 2^kLowBits + low, two 16-bit numbers.
inline constexpr int kLowBits = 12;

// Two neighbouring taps, so that one instruction multiplies two inputs by two parts and sums.
struct TapPair {
  std::array<int16_t, 2> high;
  std::array<int16_t, 2> low;
};

// Output i is the weighted sum of the inputs first[i] to first[i] + 2 * pairs - 1, by the weights
// from weights[i * pairs].
struct ResizeTaps {
  int in = 0;
  int out = 0;
  // Per output; taps that are not needed have weight 0.
  int pairs = 0;
  // Even and ascending. first[i] + 2 * pairs is at most `in` rounded up to the next even number.
  std::vector<int> first;
  std::vector<TapPair> weights;

  const TapPair* weights_of(int i) const { return weights.data() + ptrdiff_t{i} * pairs; }
};

// Cubic convolution with a = -0.5, stretched by in / out when shrinking. The identity when in =
// out. Sides must be positive.
ResizeTaps MakeBicubicTaps(int in, int out);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_
