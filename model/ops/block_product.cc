#include "model/ops/block_product.h"

#include <algorithm>
#include <cstring>

#include "model/ops/cpu_features.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace radio::ops {
namespace {

using c10::BFloat16;

// Elements of one step of a block.
constexpr int64_t kBlockSize = kBlockRows * kInnerStep;

// Of a length that the compiler knows: a few instructions.
template <int64_t kCount>
void Copy(const BFloat16* source, BFloat16* target) {
  std::memcpy(static_cast<void*>(target), source, kCount * sizeof(BFloat16));
}

// Vectors of every x86-64 and ARM processor, as which rows and columns change places.
using EightValues = uint16_t __attribute__((vector_size(16)));
using FourPairs = uint32_t __attribute__((vector_size(16)));

template <typename Vector>
Vector LoadAs(const BFloat16* source) {
  Vector values;
  std::memcpy(&values, source, sizeof(values));
  return values;
}

template <typename Vector>
void StoreAs(const Vector& values, BFloat16* target) {
  std::memcpy(static_cast<void*>(target), &values, sizeof(values));
}

// Eight values of each of four rows, `stride` apart: the first pairs of the four one after the
// other, then the second ones kPairsApart further on, and so on.
void TransposePairs(const BFloat16* rows, int64_t stride, BFloat16* target) {
  constexpr int64_t kPairsApart = 2 * kPanelColumns;
  const auto a = LoadAs<FourPairs>(rows);
  const auto b = LoadAs<FourPairs>(rows + stride);
  const auto c = LoadAs<FourPairs>(rows + 2 * stride);
  const auto d = LoadAs<FourPairs>(rows + 3 * stride);
  const FourPairs ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const FourPairs ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const FourPairs cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const FourPairs cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  StoreAs(__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), target);
  StoreAs(__builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7), target + kPairsApart);
  StoreAs(__builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), target + 2 * kPairsApart);
  StoreAs(__builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7), target + 3 * kPairsApart);
}

// Columns of two rows as pairs: whole panels' width.
void Interleave(const BFloat16* first, const BFloat16* second, BFloat16* target) {
  for (int64_t n = 0; n < kPanelColumns; n += 8) {
    const auto a = LoadAs<EightValues>(first + n);
    const auto b = LoadAs<EightValues>(second + n);
    StoreAs(__builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11), target + 2 * n);
    StoreAs(__builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15), target + 2 * n + 8);
  }
}

bool Always() { return true; }
void Nothing() {}

void PortableProduct(const Block& p) {
  for (int64_t i = 0; i < kBlockRows; ++i) {
    for (int64_t n = 0; n < p.panels * kPanelColumns; ++n) {
      const BFloat16* panel = p.b + n / kPanelColumns * p.inner * kPanelColumns;
      float sum = p.add ? p.c[i * p.ldc + n] : 0.0f;
      for (int64_t k = 0; k < p.inner; ++k) {
        const BFloat16 a = p.a[k / kInnerStep * kBlockSize + i * kInnerStep + k % kInnerStep];
        const BFloat16 b = panel[k / 2 * 2 * kPanelColumns + n % kPanelColumns * 2 + k % 2];
        sum += static_cast<float>(a) * static_cast<float>(b);
      }
      p.c[i * p.ldc + n] = sum;
    }
  }
}

#ifdef __x86_64__

// Clang 14's __builtin_cpu_supports does not know of AMX. The kernel lends a process the tiles'
// registers on request only.
bool HasAmx() {
  constexpr uint32_t kAmx = 1u << 22 | 1u << 24;  // AMX-BF16 and AMX-TILE.
  constexpr long kRequestPermission = 0x1023;     // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;                  // XFEATURE_XTILEDATA
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmx) == kAmx &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

#define RADIO_AMX __attribute__((target("amx-tile,amx-bf16,avx512f")))

// Eight tiles of 16 rows of 64 bytes.
RADIO_AMX void ConfigureTiles() {
  struct alignas(64) {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  // GCC 12's intrinsic does not tell that all 64 bytes are read.
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

RADIO_AMX void ReleaseTiles() { _tile_release(); }

// Tiles 0 to 3 are sums, 4 and 5 rows of A, 6 and 7 panels of B.
RADIO_AMX void TwoPanels(const Block& p) {
  const int64_t ldc = p.ldc * static_cast<int64_t>(sizeof(float));
  const BFloat16* low = p.b;
  const BFloat16* high = p.b + p.inner * kPanelColumns;
  float* c = p.c;
  if (p.add) {
    _tile_loadd(0, c, ldc);
    _tile_loadd(1, c + 16, ldc);
    _tile_loadd(2, c + 16 * p.ldc, ldc);
    _tile_loadd(3, c + 16 * p.ldc + 16, ldc);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < p.inner; k += kInnerStep) {
    _tile_loadd(4, p.a + k * kBlockRows, 64);
    _tile_loadd(6, low + k * kPanelColumns, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, high + k * kPanelColumns, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, p.a + k * kBlockRows + kBlockSize / 2, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, ldc);
  _tile_stored(1, c + 16, ldc);
  _tile_stored(2, c + 16 * p.ldc, ldc);
  _tile_stored(3, c + 16 * p.ldc + 16, ldc);
}

RADIO_AMX void OnePanel(const Block& p) {
  const int64_t ldc = p.ldc * static_cast<int64_t>(sizeof(float));
  float* c = p.c;
  if (p.add) {
    _tile_loadd(0, c, ldc);
    _tile_loadd(2, c + 16 * p.ldc, ldc);
  } else {
    _tile_zero(0);
    _tile_zero(2);
  }
  for (int64_t k = 0; k < p.inner; k += kInnerStep) {
    _tile_loadd(6, p.b + k * kPanelColumns, 64);
    _tile_loadd(4, p.a + k * kBlockRows, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, p.a + k * kBlockRows + kBlockSize / 2, 64);
    _tile_dpbf16ps(2, 5, 6);
  }
  _tile_stored(0, c, ldc);
  _tile_stored(2, c + 16 * p.ldc, ldc);
}

RADIO_AMX void AmxProduct(const Block& p) { p.panels == 2 ? TwoPanels(p) : OnePanel(p); }

#define RADIO_AVX512_BF16 __attribute__((target("avx512f,avx512bf16"), always_inline)) inline

// kRows rows by kPanels panels at once, in kRows * kPanels registers.
template <int kRows, int kPanels>
RADIO_AVX512_BF16 void Strip(const Block& p, int64_t row) {
  __m512 sums[kRows][kPanels];
  float* c = p.c + row * p.ldc;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int n = 0; n < kPanels; ++n) {
      sums[i][n] = p.add ? _mm512_loadu_ps(c + i * p.ldc + 16 * n) : _mm512_setzero_ps();
    }
  }
  const BFloat16* a = p.a + row * kInnerStep;
  const BFloat16* b = p.b;
  for (int64_t step = 0; step < p.inner; step += kInnerStep) {
    for (int64_t k = 0; k < kInnerStep; k += 2) {
      __m512bh right[kPanels];
#pragma GCC unroll 2
      for (int n = 0; n < kPanels; ++n) {
        right[n] = (__m512bh)_mm512_loadu_si512(b + n * p.inner * kPanelColumns);
      }
      b += 2 * kPanelColumns;
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        int32_t pair;
        std::memcpy(&pair, a + i * kInnerStep + k, sizeof(pair));
        const __m512bh left = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 2
        for (int n = 0; n < kPanels; ++n) {
          sums[i][n] = _mm512_dpbf16_ps(sums[i][n], left, right[n]);
        }
      }
    }
    a += kBlockSize;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int n = 0; n < kPanels; ++n) _mm512_storeu_ps(c + i * p.ldc + 16 * n, sums[i][n]);
  }
}

__attribute__((target("avx512f,avx512bf16"))) void Avx512Product(const Block& p) {
  for (int64_t row = 0; row < kBlockRows; row += 8) {
    p.panels == 2 ? Strip<8, 2>(p, row) : Strip<8, 1>(p, row);
  }
}

#endif

}  // namespace

void PackBlock(const BFloat16* rows, int64_t stride, int64_t count, int64_t inner,
               BFloat16* block) {
  for (int64_t k = 0; k < inner; k += kInnerStep, block += kBlockSize) {
    const int64_t step = std::min(kInnerStep, inner - k);
    if (count < kBlockRows || step < kInnerStep) std::fill_n(block, kBlockSize, BFloat16(0.0f));
    for (int64_t i = 0; i < count; ++i) {
      const BFloat16* source = rows + i * stride + k;
      BFloat16* target = block + i * kInnerStep;
      step == kInnerStep ? Copy<kInnerStep>(source, target)
                         : static_cast<void>(std::copy_n(source, step, target));
    }
  }
}

void PackPanels(const BFloat16* rows, int64_t stride, int64_t columns, int64_t inner,
                BFloat16* panels) {
  const int64_t padded = RoundUp(inner, kInnerStep);
  for (int64_t first = 0; first < columns;
       first += kPanelColumns, panels += padded * kPanelColumns) {
    const int64_t count = std::min(kPanelColumns, columns - first);
    if (count < kPanelColumns || inner < padded) {
      std::fill_n(panels, padded * kPanelColumns, BFloat16(0.0f));
    }
    int64_t k = 0;
    for (; count == kPanelColumns && k + 8 <= inner; k += 8) {
      for (int64_t n = 0; n < kPanelColumns; n += 4) {
        TransposePairs(rows + (first + n) * stride + k, stride, panels + k * kPanelColumns + 2 * n);
      }
    }
    for (; k < inner; k += 2) {
      BFloat16* pairs = panels + k * kPanelColumns;
      const int64_t length = std::min<int64_t>(2, inner - k);
      for (int64_t n = 0; n < count; ++n) {
        const BFloat16* source = rows + (first + n) * stride + k;
        length == 2 ? Copy<2>(source, pairs + 2 * n) : Copy<1>(source, pairs + 2 * n);
      }
    }
  }
}

void PackRowsAsPanels(const BFloat16* rows, int64_t stride, int64_t columns, int64_t inner,
                      BFloat16* panels) {
  const int64_t padded = RoundUp(inner, kInnerStep);
  for (int64_t first = 0; first < columns; first += kPanelColumns) {
    const int64_t count = std::min(kPanelColumns, columns - first);
    for (int64_t k = 0; k < padded; k += 2, panels += 2 * kPanelColumns) {
      if (count == kPanelColumns && k + 2 <= inner) {
        Interleave(rows + k * stride + first, rows + (k + 1) * stride + first, panels);
        continue;
      }
      BFloat16 pair[2][kPanelColumns];
      if (count < kPanelColumns || k + 2 > inner) {
        std::fill_n(pair[0], 2 * kPanelColumns, BFloat16(0.0f));
      }
      for (int64_t i = 0; i < 2 && k + i < inner; ++i) {
        const BFloat16* row = rows + (k + i) * stride + first;
        count == kPanelColumns ? Copy<kPanelColumns>(row, pair[i])
                               : static_cast<void>(std::copy_n(row, count, pair[i]));
      }
      for (int64_t n = 0; n < kPanelColumns; ++n) {
        panels[2 * n] = pair[0][n];
        panels[2 * n + 1] = pair[1][n];
      }
    }
  }
}

#ifdef __x86_64__
const BlockUnit kAmxUnit = {"AMX", HasAmx, ConfigureTiles, AmxProduct, ReleaseTiles};
const BlockUnit kAvx512Unit = {"AVX512_BF16", HasBfloat16Units, Nothing, Avx512Product, Nothing};
#endif
const BlockUnit kPortableUnit = {"portable", Always, Nothing, PortableProduct, Nothing};

const BlockUnit& BestBlockUnit() {
  static const BlockUnit& best = []() -> const BlockUnit& {
#ifdef __x86_64__
    for (const BlockUnit* unit : {&kAmxUnit, &kAvx512Unit}) {
      if (unit->usable()) return *unit;
    }
#endif
    return kPortableUnit;
  }();
  return best;
}

}  // namespace radio::ops
