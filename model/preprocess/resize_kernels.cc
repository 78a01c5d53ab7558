#include "model/preprocess/resize_kernels.h"

#include <algorithm>

namespace radio {
namespace {

uint8_t ToPixel(int32_t sum) {
  constexpr int32_t kHalf = 1 << (kFractionBits - 1);
  return static_cast<uint8_t>(std::clamp((sum + kHalf) >> kFractionBits, 0, 255));
}

class PortableHorizontalPass : public HorizontalPass {
 public:
  PortableHorizontalPass(int in, int out) : taps_(MakeBicubicTaps(in, out, 1)) {}

  void Run(const uint8_t* rows, size_t row_bytes, uint8_t* bands, size_t band_bytes) override {
    for (int y = 0; y < kRowsAtOnce; ++y) ResizeRow(rows + row_bytes * y, bands + band_bytes * y);
  }

 private:
  void ResizeRow(const uint8_t* from, uint8_t* to) const {
    for (int x = 0; x < taps_.out; ++x) {
      const uint8_t* pixel = from + ptrdiff_t{kChannels} * taps_.first[x];
      const int32_t* weights = taps_.weights_of(x);
      std::array<int32_t, kChannels> sums{};
      for (int t = 0; t < taps_.count; ++t, pixel += kChannels) {
        for (int c = 0; c < kChannels; ++c) sums[c] += weights[t] * pixel[c];
      }
      for (const int32_t sum : sums) *to++ = ToPixel(sum);
    }
  }

  const ResizeTaps taps_;
};

class PortableVerticalPass : public VerticalPass {
 public:
  explicit PortableVerticalPass(const ResizeTaps& taps) : taps_(taps) {}

  void Run(int y, const uint8_t* const* bands, size_t samples, uint8_t* to) const override {
    const int32_t* weights = taps_.weights_of(y);
    for (size_t i = 0; i < samples; ++i) {
      int32_t sum = 0;
      for (int t = 0; t < taps_.count; ++t) sum += weights[t] * bands[t][i];
      to[i] = ToPixel(sum);
    }
  }

 private:
  const ResizeTaps& taps_;
};

}  // namespace

const ResizeKernels& PortableKernels() {
  static constexpr ResizeKernels kKernels = {
      1, 1,
      [](int in, int out) -> std::unique_ptr<HorizontalPass> {
        return std::make_unique<PortableHorizontalPass>(in, out);
      },
      [](const ResizeTaps& taps) -> std::unique_ptr<VerticalPass> {
        return std::make_unique<PortableVerticalPass>(taps);
      }};
  return kKernels;
}

const ResizeKernels& BestKernels() {
  static const ResizeKernels& kernels = Avx512Kernels() ? *Avx512Kernels()
                                        : Avx2Kernels() ? *Avx2Kernels()
                                                        : PortableKernels();
  return kernels;
}

}  // namespace radio
