#include "model/preprocess/chroma_upsampler.h"

#ifdef __x86_64__
#include <immintrin.h>

#include <array>

#define RADIO_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")))

namespace radio {
namespace {

constexpr int kPixels = 64;
constexpr int kLanes = 32;
constexpr int kChannels = 3;

// Even and odd pixels as 16-bit numbers.
struct Pixels {
  __m512i even;
  __m512i odd;
};

struct Rgb {
  __m512i red;
  __m512i green;
  __m512i blue;
};

RADIO_AVX512 inline __m512i Load(const void* from) { return _mm512_loadu_si512(from); }

RADIO_AVX512 inline __m512i LoadBytes(const uint8_t* from) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// 3/4 of the own row and 1/4 of the other, times 4, and each end once more beyond itself.
RADIO_AVX512 void SumRows(ChromaRows rows, int width, int16_t* to) {
  const __m512i three = _mm512_set1_epi16(3);
  for (int i = 0; i < width; i += kLanes) {
    const __m512i own = _mm512_mullo_epi16(LoadBytes(rows.own + i), three);
    _mm512_storeu_si512(to + i, _mm512_add_epi16(own, LoadBytes(rows.other + i)));
  }
  to[-1] = to[0];
  to[width] = to[width - 1];
}

// The same of columns: pixels from -128 to 127. Ties are rounded up in even pixels, down in odd
// ones.
RADIO_AVX512 inline Pixels Upsample(const int16_t* sums) {
  constexpr int kMiddle = 128 << 4;
  const __m512i own = _mm512_mullo_epi16(Load(sums), _mm512_set1_epi16(3));
  const __m512i even = _mm512_add_epi16(own, _mm512_set1_epi16(8 - kMiddle));
  const __m512i odd = _mm512_add_epi16(own, _mm512_set1_epi16(7 - kMiddle));
  return {_mm512_srai_epi16(_mm512_add_epi16(even, Load(sums - 1)), 4),
          _mm512_srai_epi16(_mm512_add_epi16(odd, Load(sums + 1)), 4)};
}

// x * factor / 2^16, rounded, of the double of x.
RADIO_AVX512 inline __m512i Scale(__m512i twice, int16_t factor) {
  const __m512i half = _mm512_mulhi_epi16(twice, _mm512_set1_epi16(factor));
  return _mm512_srai_epi16(_mm512_add_epi16(half, _mm512_set1_epi16(1)), 1);
}

// JFIF's matrix in 16-bit fixed point; whole numbers are taken out of the factors, so that they
// fit.
RADIO_AVX512 inline Rgb Convert(__m512i luma, __m512i blue, __m512i red) {
  constexpr int kRedOfRed = 91881 - (1 << 16);     // 1.402
  constexpr int kBlueOfBlue = 116130 - (2 << 16);  // 1.772
  constexpr int kGreenOfBlue = -22554;             // -0.34414
  constexpr int kGreenOfRed = -46802 + (1 << 16);  // -0.71414
  const __m512i green_factors =
      _mm512_set1_epi32(kGreenOfRed * (1 << 16) + (kGreenOfBlue & 0xFFFF));
  const __m512i half = _mm512_set1_epi32(1 << 15);
  const __m512i twice_blue = _mm512_add_epi16(blue, blue);
  const __m512i twice_red = _mm512_add_epi16(red, red);
  const __m512i green = _mm512_packs_epi32(
      _mm512_srai_epi32(_mm512_dpwssd_epi32(half, _mm512_unpacklo_epi16(blue, red), green_factors),
                        16),
      _mm512_srai_epi32(_mm512_dpwssd_epi32(half, _mm512_unpackhi_epi16(blue, red), green_factors),
                        16));
  return {_mm512_add_epi16(_mm512_add_epi16(luma, red), Scale(twice_red, kRedOfRed)),
          _mm512_add_epi16(_mm512_sub_epi16(luma, red), green),
          _mm512_add_epi16(_mm512_add_epi16(luma, twice_blue), Scale(twice_blue, kBlueOfBlue))};
}

// Bytes of all pixels in order.
RADIO_AVX512 inline __m512i Clamp(__m512i even, __m512i odd) {
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
  return _mm512_shuffle_epi8(_mm512_packus_epi16(even, odd), order);
}

// Where the bytes of 64 RGB pixels come from, as three vectors.
struct Interleaving {
  std::array<std::array<uint8_t, kPixels>, kChannels> pixel{};
  std::array<std::array<uint64_t, kChannels>, kChannels> mask{};  // By vector and channel.

  constexpr Interleaving() {
    for (int v = 0; v < kChannels; ++v) {
      for (int i = 0; i < kPixels; ++i) {
        const int byte = kPixels * v + i;
        pixel[v][i] = static_cast<uint8_t>(byte / kChannels);
        mask[v][byte % kChannels] |= uint64_t{1} << i;
      }
    }
  }
};

constexpr Interleaving kInterleaving;

RADIO_AVX512 inline __m512i Interleave(const Rgb& rgb, int vector) {
  const __m512i pixel = Load(kInterleaving.pixel[vector].data());
  const auto& mask = kInterleaving.mask[vector];
  __m512i bytes = _mm512_permutexvar_epi8(pixel, rgb.red);
  bytes = _mm512_mask_permutexvar_epi8(bytes, mask[1], pixel, rgb.green);
  return _mm512_mask_permutexvar_epi8(bytes, mask[2], pixel, rgb.blue);
}

// Of 64 bytes from the `first` of a row's.
uint64_t StoreMask(int first, int bytes) {
  const int rest = bytes - first;
  return rest >= kPixels ? ~uint64_t{0} : rest <= 0 ? 0 : (uint64_t{1} << rest) - 1;
}

RADIO_AVX512 void ConvertRow(const uint8_t* luma, const int16_t* blue, const int16_t* red,
                             int width, uint8_t* rgb) {
  const __m512i low = _mm512_set1_epi16(255);
  const int bytes = kChannels * width;
  for (int x = 0; x < width; x += kPixels) {
    const __m512i both = Load(luma + x);
    const Pixels b = Upsample(blue + x / 2);
    const Pixels r = Upsample(red + x / 2);
    const Rgb even = Convert(_mm512_and_si512(both, low), b.even, r.even);
    const Rgb odd = Convert(_mm512_srli_epi16(both, 8), b.odd, r.odd);
    const Rgb pixels = {Clamp(even.red, odd.red), Clamp(even.green, odd.green),
                        Clamp(even.blue, odd.blue)};
    for (int v = 0; v < kChannels; ++v) {
      const int first = kChannels * x + kPixels * v;
      _mm512_mask_storeu_epi8(rgb + first, StoreMask(first, bytes), Interleave(pixels, v));
    }
  }
}

}  // namespace

bool ChromaUpsampler::Supported() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512vbmi");
}

ChromaUpsampler::ChromaUpsampler(int width)
    : width_(width), blue_((width + 1) / 2 + 3 * kLanes), red_(blue_.size()) {}

void ChromaUpsampler::Convert(const uint8_t* luma, ChromaRows blue, ChromaRows red, uint8_t* rgb) {
  SumRows(blue, (width_ + 1) / 2, blue_.data() + kLanes);
  SumRows(red, (width_ + 1) / 2, red_.data() + kLanes);
  ConvertRow(luma, blue_.data() + kLanes, red_.data() + kLanes, width_, rgb);
}

}  // namespace radio

#else

namespace radio {

bool ChromaUpsampler::Supported() { return false; }
ChromaUpsampler::ChromaUpsampler(int width) : width_(width) {}
void ChromaUpsampler::Convert(const uint8_t*, ChromaRows, ChromaRows, uint8_t*) {}

}  // namespace radio

#endif
