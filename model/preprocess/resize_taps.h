// Which input pixels an output pixel is made of, along one axis.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace radio {

// Weights are fixed-point numbers with this many fractional bits: 8 bits of pixel and 2 for
// overshoot and sign leave these of a 32-bit sum (Pillow's choice; it makes the results equal to
// the bit).
inline constexpr int kFractionBits = 32 - 8 - 2;

// Output i is the weighted sum of the inputs first[i] to first[i] + count - 1, by the weights from
// weights[i * count].
struct ResizeTaps {
  int in = 0;
  int out = 0;
  // Per output; taps that are not needed have weight 0.
  int count = 0;
  // Ascending.
  std::vector<int> first;
  std::vector<int32_t> weights;

  const int32_t* weights_of(int i) const { return weights.data() + ptrdiff_t{i} * count; }
};

// Cubic convolution with a = -0.5, stretched by in / out when shrinking. The identity when in =
// out. Sides must be positive. `count` and each `first` are multiples of `unit`, a power of two;
// first[i] + count is at most `in` rounded up to such a multiple.
ResizeTaps MakeBicubicTaps(int in, int out, int unit);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_TAPS_H_
