#ifdef __x86_64__
#include <vector>

#include "model/preprocess/resize_avx512.h"

namespace radio {
namespace avx512 {
namespace {

class Avx512VerticalPass : public VerticalPass {
 public:
  explicit Avx512VerticalPass(const ResizeTaps& taps) : quads_(Quads(taps.count)) {
    for (size_t i = 0; i < taps.weights.size(); i += kTapsAtOnce) {
      weights_.push_back(Split(taps.weights.data() + i, kTapsAtOnce));
    }
  }

  void Run(int y, const uint8_t* const* bands, size_t samples, uint8_t* to) const override {
    const Parts* const weights = weights_.data() + ptrdiff_t{quads_} * y;
    if (quads_ == 1) return Sum<1>(weights, bands, samples, to);
    if (quads_ == 2) return Sum<2>(weights, bands, samples, to);
    if (quads_ == 3) return Sum<3>(weights, bands, samples, to);
    SumAny(weights, bands, samples, to);
  }

 private:
  static constexpr int kVectors = 4;
  static constexpr size_t kSamples = size_t{kVectors} * kLanes;

  RADIO_AVX512 static void Store(const __m512i (&totals)[kVectors], uint8_t* to) {
    const __m512i in_order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(in_order, ToPixels(totals)));
  }

  template <int kQuads>
  RADIO_AVX512 static void Sum(const Parts* parts, const uint8_t* const* bands, size_t samples,
                               uint8_t* to) {
    __m512i weights[kQuads][kParts];
    for (int q = 0; q < kQuads; ++q) {
      for (int p = 0; p < kParts; ++p) weights[q][p] = _mm512_set1_epi32(parts[q][p]);
    }
    for (size_t i = 0; i < samples; i += kSamples) {
      __m512i totals[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        __m512i taps[kQuads];
        for (int q = 0; q < kQuads; ++q) {
          taps[q] = _mm512_load_si512(bands[q] + kRowsPerBand * i + sizeof(__m512i) * j);
        }
        totals[j] = Total(taps, weights);
      }
      Store(totals, to + i);
    }
  }

  RADIO_AVX512 void SumAny(const Parts* parts, const uint8_t* const* bands, size_t samples,
                           uint8_t* to) const {
    for (size_t i = 0; i < samples; i += kSamples) {
      Sums sums[kVectors];
      for (int q = 0; q < quads_; ++q) {
        const __m512i weights[kParts] = {_mm512_set1_epi32(parts[q][0]),
                                         _mm512_set1_epi32(parts[q][1]),
                                         _mm512_set1_epi32(parts[q][2])};
        const uint8_t* const from = bands[q] + kRowsPerBand * i;
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
          sums[j].Add(_mm512_load_si512(from + sizeof(__m512i) * j), weights);
        }
      }
      const __m512i totals[kVectors] = {sums[0].Total(), sums[1].Total(), sums[2].Total(),
                                        sums[3].Total()};
      Store(totals, to + i);
    }
  }

  const int quads_;
  std::vector<Parts> weights_;
};

}  // namespace

std::unique_ptr<VerticalPass> MakeVerticalPass(const ResizeTaps& taps) {
  return std::make_unique<Avx512VerticalPass>(taps);
}

}  // namespace avx512
}  // namespace radio

#endif
