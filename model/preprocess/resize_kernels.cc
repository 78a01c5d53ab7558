#include "model/preprocess/resize_kernels.h"

#include <algorithm>

namespace radio {
namespace {

int32_t Weight(const TapPair& pair, int i) { return pair.high[i] * (1 << kLowBits) + pair.low[i]; }

uint8_t ToPixel(int32_t sum) {
  constexpr int32_t kHalf = 1 << (kFractionBits - 1);
  return static_cast<uint8_t>(std::clamp((sum + kHalf) >> kFractionBits, 0, 255));
}

// `to` has a stride of two.
void ResizeRow(const ResizeTaps& taps, const uint8_t* from, int16_t* to) {
  for (int x = 0; x < taps.out; ++x) {
    const uint8_t* pixel = from + ptrdiff_t{kChannels} * taps.first[x];
    const TapPair* weights = taps.weights_of(x);
    std::array<int32_t, kChannels> sums{};
    for (int t = 0; t < 2 * taps.pairs; ++t, pixel += kChannels) {
      const int32_t weight = Weight(weights[t / 2], t % 2);
      for (int c = 0; c < kChannels; ++c) sums[c] += weight * pixel[c];
    }
    for (const int32_t sum : sums) {
      *to = ToPixel(sum);
      to += 2;
    }
  }
}

void ResizeRows(const ResizeTaps& taps, const uint8_t* const* rows, int16_t* const* pairs,
                RowBlock* /*room*/) {
  for (int y = 0; y < kRowsAtOnce; ++y) ResizeRow(taps, rows[y], pairs[y / 2] + y % 2);
}

void SumPairs(const TapPair* weights, const int16_t* const* pairs, int count, size_t samples,
              uint8_t* to) {
  for (size_t i = 0; i < samples; ++i) {
    int32_t sum = 0;
    for (int k = 0; k < count; ++k) {
      for (int j = 0; j < 2; ++j) sum += Weight(weights[k], j) * pairs[k][2 * i + j];
    }
    to[i] = ToPixel(sum);
  }
}

}  // namespace

const ResizeKernels& PortableKernels() {
  static constexpr ResizeKernels kKernels = {&ResizeRows, &SumPairs};
  return kKernels;
}

const ResizeKernels& BestKernels() {
  static const ResizeKernels& kernels = Avx2Kernels() ? *Avx2Kernels() : PortableKernels();
  return kernels;
}

}  // namespace radio
