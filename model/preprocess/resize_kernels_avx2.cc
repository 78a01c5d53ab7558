#include "model/preprocess/resize_kernels.h"

#ifdef __x86_64__
#include <immintrin.h>

#include <cstring>

#define RADIO_AVX2 __attribute__((target("avx2")))

namespace radio {
namespace {

constexpr int kPixelsAtOnce = 4;

RADIO_AVX2 inline __m256i Load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

RADIO_AVX2 inline void Store(__m256i value, void* to) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}

// 16 bytes each of two places as the two halves.
RADIO_AVX2 inline __m256i LoadHalves(const uint8_t* low, const uint8_t* high) {
  return _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(high),
                             reinterpret_cast<const __m128i*>(low));
}

// A pair of weights in every 32-bit lane.
struct Weights {
  __m256i high;
  __m256i low;
};

RADIO_AVX2 inline __m256i Broadcast(const std::array<int16_t, 2>& pair) {
  int32_t both;
  std::memcpy(&both, pair.data(), sizeof(both));
  return _mm256_set1_epi32(both);
}

RADIO_AVX2 inline Weights Broadcast(const TapPair& pair) {
  return {Broadcast(pair.high), Broadcast(pair.low)};
}

// Eight weighted sums in the making.
struct Sums {
  __m256i high;
  __m256i low;

  RADIO_AVX2 Sums()
      : high(_mm256_setzero_si256()), low(_mm256_set1_epi32(1 << (kFractionBits - 1))) {}

  RADIO_AVX2 void Add(__m256i pairs, const Weights& weights) {
    high = _mm256_add_epi32(high, _mm256_madd_epi16(pairs, weights.high));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(pairs, weights.low));
  }

  // Rounded, not yet clamped to a byte.
  RADIO_AVX2 __m256i Total() const {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low),
                             kFractionBits);
  }
};

// `rows[i]` holds a pair of pixels of rows i and i + 4 as 16-bit numbers R R G G B B 0 0 in its two
// halves. They become a block per channel with the pairs of all eight rows in order.
RADIO_AVX2 inline void StoreByChannel(const __m256i (&rows)[4], RowBlock* to) {
  const __m256i rg01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
  const __m256i rg23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
  const __m256i b01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
  const __m256i b23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
  Store(_mm256_unpacklo_epi64(rg01, rg23), to);
  Store(_mm256_unpackhi_epi64(rg01, rg23), to + 1);
  Store(_mm256_unpacklo_epi64(b01, b23), to + 2);
}

// Four pixels of eight rows, `offset` bytes from their beginnings, become two times three blocks.
RADIO_AVX2 inline void Transpose(const uint8_t* const* rows, ptrdiff_t offset, RowBlock* to) {
  const __m256i first_two = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const __m256i last_two = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  __m256i first[4];
  __m256i last[4];
  for (int i = 0; i < 4; ++i) {
    const __m256i bytes = LoadHalves(rows[i] + offset, rows[i + 4] + offset);
    first[i] = _mm256_shuffle_epi8(bytes, first_two);
    last[i] = _mm256_shuffle_epi8(bytes, last_two);
  }
  StoreByChannel(first, to);
  StoreByChannel(last, to + kChannels);
}

// One output pixel's channels in eight rows become four pairs of rows. The last of the four 32-bit
// numbers written is overwritten by the next pixel or falls into the padding.
RADIO_AVX2 inline void StorePairs(__m256i red, __m256i green, __m256i blue, int16_t* const* pairs,
                                  ptrdiff_t offset) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i largest = _mm256_set1_epi16(255);
  const __m256 rg = _mm256_castsi256_ps(
      _mm256_min_epi16(_mm256_max_epi16(_mm256_packs_epi32(red, green), zero), largest));
  const __m256 b = _mm256_castsi256_ps(
      _mm256_min_epi16(_mm256_max_epi16(_mm256_packs_epi32(blue, blue), zero), largest));
  const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(rg, b, _MM_SHUFFLE(0, 0, 2, 0)));
  const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(rg, b, _MM_SHUFFLE(1, 1, 3, 1)));
  _mm256_storeu2_m128i(reinterpret_cast<__m128i*>(pairs[2] + offset),
                       reinterpret_cast<__m128i*>(pairs[0] + offset), even);
  _mm256_storeu2_m128i(reinterpret_cast<__m128i*>(pairs[3] + offset),
                       reinterpret_cast<__m128i*>(pairs[1] + offset), odd);
}

RADIO_AVX2 void ResizeRows(const ResizeTaps& taps, const uint8_t* const* rows,
                           int16_t* const* pairs, RowBlock* room) {
  const int out = taps.out;
  const int count = taps.pairs;
  const int* first = taps.first.data();
  const TapPair* weights = taps.weights.data();
  int transposed = 0;
  for (int x = 0; x < out; ++x, weights += count) {
    for (; transposed < first[x] + 2 * count; transposed += kPixelsAtOnce) {
      Transpose(rows, ptrdiff_t{kChannels} * transposed,
                room + ptrdiff_t{kChannels} * (transposed / 2));
    }
    Sums red;
    Sums green;
    Sums blue;
    const RowBlock* block = room + ptrdiff_t{kChannels} * (first[x] / 2);
#pragma GCC unroll 4
    for (int k = 0; k < count; ++k, block += kChannels) {
      const Weights pair = Broadcast(weights[k]);
      red.Add(Load(block), pair);
      green.Add(Load(block + 1), pair);
      blue.Add(Load(block + 2), pair);
    }
    StorePairs(red.Total(), green.Total(), blue.Total(), pairs, ptrdiff_t{2} * kChannels * x);
  }
}

RADIO_AVX2 void SumPairs(const TapPair* weights, const int16_t* const* pairs, int count,
                         size_t samples, uint8_t* to) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (size_t i = 0; i < samples; i += 32) {
    Sums sums[4];
#pragma GCC unroll 4
    for (int k = 0; k < count; ++k) {
      const Weights pair = Broadcast(weights[k]);
      const int16_t* from = pairs[k] + 2 * i;
      for (ptrdiff_t j = 0; j < 4; ++j) sums[j].Add(Load(from + 16 * j), pair);
    }
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(sums[0].Total(), sums[1].Total()),
                                              _mm256_packs_epi32(sums[2].Total(), sums[3].Total()));
    Store(_mm256_permutevar8x32_epi32(bytes, order), to + i);
  }
}

}  // namespace

const ResizeKernels* Avx2Kernels() {
  static constexpr ResizeKernels kKernels = {&ResizeRows, &SumPairs};
  return __builtin_cpu_supports("avx2") ? &kKernels : nullptr;
}

}  // namespace radio

#else

namespace radio {

const ResizeKernels* Avx2Kernels() { return nullptr; }

}  // namespace radio

#endif
