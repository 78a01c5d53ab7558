// The inner loops of resizing; private to this package.
//
// Between the passes two neighbouring rows lie interleaved as 16-bit numbers, [sample][2], so that
// one instruction multiplies a pair of rows by a pair of weights and sums the products.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/preprocess/resize_taps.h"

namespace radio {

inline constexpr int kChannels = 3;
// Rows that the horizontal pass takes at once.
inline constexpr int kRowsAtOnce = 8;
// Elements that a kernel may touch beyond the end of any row it is given.
inline constexpr size_t kRowPadding = 32;

// Room for the horizontal pass: one per channel and pair of pixels of the input, and as many more
// as another four pixels need.
struct alignas(32) RowBlock {
  std::array<int16_t, size_t{2} * kRowsAtOnce> samples;
};
inline size_t RowBlocks(int width) { return static_cast<size_t>(kChannels) * (width / 2 + 4); }

// All implementations give the same numbers: sums of integers have no order.
struct ResizeKernels {
  // kRowsAtOnce rows of taps.in RGB pixels become kRowsAtOnce / 2 pairs of rows of taps.out pixels.
  // `room` holds RowBlocks(taps.in).
  void (*resize_rows)(const ResizeTaps& taps, const uint8_t* const* rows, int16_t* const* pairs,
                      RowBlock* room);

  // One row of `samples` bytes: the weighted sum of `count` pairs of rows.
  void (*sum_pairs)(const TapPair* weights, const int16_t* const* pairs, int count, size_t samples,
                    uint8_t* to);
};

const ResizeKernels& PortableKernels();

// Null where the machine or the compiler lacks AVX2.
const ResizeKernels* Avx2Kernels();

// The fastest that this machine runs.
const ResizeKernels& BestKernels();

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_
