#include "model/preprocess/resize_kernels.h"

#ifdef __x86_64__
#include <immintrin.h>

#include <cstring>
#include <vector>

#define RADIO_AVX2 __attribute__((target("avx2")))

namespace radio {
namespace {

// A band is a pair of rows of 16-bit numbers: one instruction multiplies two inputs by two parts of
// weights and sums. A weight is high * 2^kLowBits + low.
constexpr int kRowsPerBand = 2;
constexpr int kLowBits = 12;
constexpr int kRows = 8;
constexpr int kPixelsAtOnce = 4;
constexpr ptrdiff_t kBytesAtOnce = ptrdiff_t{kChannels} * kPixelsAtOnce;
// Of an output pixel in a band.
constexpr ptrdiff_t kBandBytes = ptrdiff_t{kChannels} * kRowsPerBand * sizeof(int16_t);

// Two neighbouring taps.
struct TapPair {
  std::array<int16_t, 2> high;
  std::array<int16_t, 2> low;
};

std::vector<TapPair> Split(const std::vector<int32_t>& weights) {
  constexpr int32_t kHalf = 1 << (kLowBits - 1);
  std::vector<TapPair> pairs(weights.size() / 2);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int32_t high = (weights[i] + kHalf) >> kLowBits;
    pairs[i / 2].high[i % 2] = static_cast<int16_t>(high);
    pairs[i / 2].low[i % 2] = static_cast<int16_t>(weights[i] - high * (1 << kLowBits));
  }
  return pairs;
}

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

RADIO_AVX2 inline void StoreHalves(__m256i value, uint8_t* low, uint8_t* high) {
  _mm256_storeu2_m128i(reinterpret_cast<__m128i*>(high), reinterpret_cast<__m128i*>(low), value);
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
// halves. They become a vector per channel with the pairs of all eight rows in order.
RADIO_AVX2 inline void StoreByChannel(const __m256i (&rows)[4], __m256i* to) {
  const __m256i rg01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
  const __m256i rg23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
  const __m256i b01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
  const __m256i b23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
  Store(_mm256_unpacklo_epi64(rg01, rg23), to);
  Store(_mm256_unpackhi_epi64(rg01, rg23), to + 1);
  Store(_mm256_unpacklo_epi64(b01, b23), to + 2);
}

// Four pixels of eight rows become two times three vectors.
RADIO_AVX2 inline void Transpose(const uint8_t* rows, size_t row_bytes, __m256i* to) {
  const __m256i first_two = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const __m256i last_two = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  __m256i first[4];
  __m256i last[4];
  for (int i = 0; i < 4; ++i) {
    const __m256i bytes = LoadHalves(rows + row_bytes * i, rows + row_bytes * (i + 4));
    first[i] = _mm256_shuffle_epi8(bytes, first_two);
    last[i] = _mm256_shuffle_epi8(bytes, last_two);
  }
  StoreByChannel(first, to);
  StoreByChannel(last, to + kChannels);
}

// One output pixel's channels in eight rows become four bands. The last of the four 32-bit numbers
// written is overwritten by the next pixel or falls into the padding.
RADIO_AVX2 inline void StoreBands(__m256i red, __m256i green, __m256i blue, uint8_t* to,
                                  size_t band_bytes) {
  const __m256i largest = _mm256_set1_epi16(255);
  const __m256 rg = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(red, green), largest));
  const __m256 b = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(blue, blue), largest));
  const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(rg, b, _MM_SHUFFLE(0, 0, 2, 0)));
  const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(rg, b, _MM_SHUFFLE(1, 1, 3, 1)));
  StoreHalves(even, to, to + 2 * band_bytes);
  StoreHalves(odd, to + band_bytes, to + 3 * band_bytes);
}

class Avx2HorizontalPass : public HorizontalPass {
 public:
  Avx2HorizontalPass(int in, int out)
      : taps_(MakeBicubicTaps(in, out, 2)),
        weights_(Split(taps_.weights)),
        room_(static_cast<size_t>(kChannels) * (in / 2 + kPixelsAtOnce)) {}

  void Run(const uint8_t* rows, size_t row_bytes, uint8_t* bands, size_t band_bytes) override {
    for (int y = 0; y < kRowsAtOnce; y += kRows) {
      ResizeRows(rows + row_bytes * y, row_bytes, bands + band_bytes * (y / kRowsPerBand),
                 band_bytes);
    }
  }

 private:
  RADIO_AVX2 void ResizeRows(const uint8_t* rows, size_t row_bytes, uint8_t* bands,
                             size_t band_bytes) {
    // Locals: what is stored might be members, for all that the compiler knows.
    const int out = taps_.out;
    const int pairs = taps_.count / 2;
    const int* const first = taps_.first.data();
    const TapPair* weights = weights_.data();
    auto* const room = reinterpret_cast<__m256i*>(room_.data());
    __m256i* next = room;
    int transposed = 0;
    for (int x = 0; x < out; ++x, weights += pairs, bands += kBandBytes) {
      for (; transposed < first[x] + 2 * pairs; transposed += kPixelsAtOnce) {
        Transpose(rows, row_bytes, next);
        rows += kBytesAtOnce;
        next += kBytesAtOnce / 2;
      }
      Sums red;
      Sums green;
      Sums blue;
      const __m256i* taps = room + ptrdiff_t{kChannels} * (first[x] / 2);
#pragma GCC unroll 4
      for (int k = 0; k < pairs; ++k, taps += kChannels) {
        const Weights pair = Broadcast(weights[k]);
        red.Add(Load(taps), pair);
        green.Add(Load(taps + 1), pair);
        blue.Add(Load(taps + 2), pair);
      }
      StoreBands(red.Total(), green.Total(), blue.Total(), bands, band_bytes);
    }
  }

  // One vector of a channel of a pair of pixels of eight rows.
  struct alignas(32) Vector {
    std::array<uint8_t, 32> bytes;
  };

  const ResizeTaps taps_;
  const std::vector<TapPair> weights_;
  std::vector<Vector> room_;
};

class Avx2VerticalPass : public VerticalPass {
 public:
  explicit Avx2VerticalPass(const ResizeTaps& taps)
      : pairs_(taps.count / 2), weights_(Split(taps.weights)) {}

  RADIO_AVX2 void Run(int y, const uint8_t* const* bands, size_t samples,
                      uint8_t* to) const override {
    const TapPair* const weights = weights_.data() + ptrdiff_t{pairs_} * y;
    const int pairs = pairs_;
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t i = 0; i < samples; i += 32) {
      Sums sums[4];
#pragma GCC unroll 4
      for (int k = 0; k < pairs; ++k) {
        const Weights pair = Broadcast(weights[k]);
        const uint8_t* from = bands[k] + 4 * i;
        for (ptrdiff_t j = 0; j < 4; ++j) sums[j].Add(Load(from + 32 * j), pair);
      }
      const __m256i bytes =
          _mm256_packus_epi16(_mm256_packs_epi32(sums[0].Total(), sums[1].Total()),
                              _mm256_packs_epi32(sums[2].Total(), sums[3].Total()));
      Store(_mm256_permutevar8x32_epi32(bytes, order), to + i);
    }
  }

 private:
  const int pairs_;
  const std::vector<TapPair> weights_;
};

}  // namespace

const ResizeKernels* Avx2Kernels() {
  static constexpr ResizeKernels kKernels = {
      kRowsPerBand, 2 * kRowsPerBand,
      [](int in, int out) -> std::unique_ptr<HorizontalPass> {
        return std::make_unique<Avx2HorizontalPass>(in, out);
      },
      [](const ResizeTaps& taps) -> std::unique_ptr<VerticalPass> {
        return std::make_unique<Avx2VerticalPass>(taps);
      }};
  return __builtin_cpu_supports("avx2") ? &kKernels : nullptr;
}

}  // namespace radio

#else

namespace radio {

const ResizeKernels* Avx2Kernels() { return nullptr; }

}  // namespace radio

#endif
