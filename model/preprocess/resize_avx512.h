// What the two passes with AVX-512 share; private to them. For x86-64 only.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_AVX512_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_AVX512_H_

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "model/preprocess/resize_kernels.h"

#define RADIO_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")))

namespace radio {
namespace avx512 {

std::unique_ptr<HorizontalPass> MakeHorizontalPass(int in, int out);
std::unique_ptr<VerticalPass> MakeVerticalPass(const ResizeTaps& taps);

// A band is four rows of bytes: one instruction multiplies four of them by four 8-bit parts of
// weights and adds to a 32-bit sum. A weight is the sum of parts[i] * 2^(8 * i).
inline constexpr int kTapsAtOnce = 4;
inline constexpr int kRowsPerBand = kTapsAtOnce;
inline constexpr int kParts = 3;
inline constexpr int kPartBits = 8;
// Bits below a grey level that a sum keeps to the end.
inline constexpr int kLastBits = kFractionBits - (kParts - 1) * kPartBits;
inline constexpr int kHalf = 1 << (kFractionBits - 1);
// Sums in a vector, one for each sample.
inline constexpr int kLanes = 16;

inline int Quads(int taps) { return (taps + kTapsAtOnce - 1) / kTapsAtOnce; }

// The parts of four taps' weights, and a number without meaning.
using Parts = std::array<int32_t, kParts + 1>;

// Of `count` weights; what is missing to four is 0.
RADIO_AVX512 inline Parts Split(const int32_t* weights, int count) {
  const __m128i taps = _mm_maskz_loadu_epi32(
      static_cast<__mmask8>((1 << std::min(count, kTapsAtOnce)) - 1), weights);
  // Digits from -128 to 127 instead of 0 to 255.
  const __m128i middle = _mm_set1_epi32(0x8080);
  const __m128i digits = _mm_xor_si128(_mm_add_epi32(taps, middle), middle);
  const __m128i by_part = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  Parts parts;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(parts.data()), _mm_shuffle_epi8(digits, by_part));
  return parts;
}

// Sixteen weighted sums. No part's sum overflows: a part is no larger than its weight.
struct Sums {
  __m512i parts[kParts];

  RADIO_AVX512 Sums()
      : parts{_mm512_set1_epi32(kHalf), _mm512_setzero_si512(), _mm512_setzero_si512()} {}

  RADIO_AVX512 void Add(__m512i taps, const __m512i (&weights)[kParts]) {
    for (int p = 0; p < kParts; ++p) {
      parts[p] = _mm512_dpbusd_epi32(parts[p], taps, weights[p]);
    }
  }

  // With kLastBits below a level.
  RADIO_AVX512 __m512i Total() const {
    const __m512i low = _mm512_add_epi32(_mm512_srai_epi32(parts[0], kPartBits), parts[1]);
    return _mm512_add_epi32(_mm512_srai_epi32(low, kPartBits), parts[2]);
  }
};

// The same of few taps, one part after the other in one sum.
template <int kQuads>
RADIO_AVX512 inline __m512i Total(const __m512i (&taps)[kQuads],
                                  const __m512i (&weights)[kQuads][kParts]) {
  __m512i sum = _mm512_set1_epi32(kHalf);
  for (int p = 0; p < kParts; ++p) {
    if (p > 0) sum = _mm512_srai_epi32(sum, kPartBits);
    for (int q = 0; q < kQuads; ++q) sum = _mm512_dpbusd_epi32(sum, taps[q], weights[q][p]);
  }
  return sum;
}

// Totals of four vectors become pixels; each 128 bits hold four lanes of each.
RADIO_AVX512 inline __m512i ToPixels(const __m512i (&totals)[4]) {
  return _mm512_packus_epi16(
      _mm512_srli_epi16(_mm512_packus_epi32(totals[0], totals[1]), kLastBits),
      _mm512_srli_epi16(_mm512_packus_epi32(totals[2], totals[3]), kLastBits));
}

}  // namespace avx512
}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_AVX512_H_
