#include "model/ops/linear_tile.h"

#include "model/ops/cpu_features.h"
#include "model/ops/exp2.h"
#include "model/ops/vector.h"

namespace radio::ops {
namespace {

// x Phi(x) = max(x, 0) - |x| Phi(-|x|). log2 Phi(-m) by the polynomial of degree 7 with the least
// error among those that are -1 at 0: below 2.3e-5 of Phi up to m = 5, 1.4e-3 up to 8, where Phi is
// 6e-16; bfloat16 rounds by up to 2e-3. From 12 on Phi counts as there, 1e-33.
template <bool kByUnit>
RADIO_VECTOR_INLINE Floats Gelu(const Floats& x) {
  constexpr float kFarthest = 12.0f;
  const Floats magnitude = x < 0.0f ? -x : x;
  const Floats m = magnitude > kFarthest ? Floats{} + kFarthest : magnitude;
  const Floats exponent =
      ((((((-1.29715206e-06f * m + 4.96489821e-05f) * m - 8.26864061e-04f) * m + 8.06517432e-03f) *
             m -
         5.29993287e-02f) *
            m -
        4.59436677e-01f) *
           m -
       1.15090862f) *
          m -
      1.0f;
  const Floats positive = x < 0.0f ? Floats{} : x;
  return positive - m * Exp2<kByUnit>(exponent);
}

template <bool kGelu, bool kByUnit>
RADIO_VECTOR_INLINE void Finish(const Tile& tile, const float* bias,
                                const BitRows<const uint16_t>& residual,
                                const BitRows<uint16_t>& output) {
  for (int64_t i = 0; i < tile.rows; ++i) {
    const float* sums = tile.sums + i * tile.columns;
    for (int64_t j = 0; j < tile.columns; j += kLanes) {
      Floats x = Load(sums + j) + Load(bias + j);
      if (kGelu) x = Gelu<kByUnit>(x);
      if (residual.data != nullptr) x += Load(residual.data + i * residual.stride + j);
      StoreBits<kByUnit>(x, output.data + i * output.stride + j);
    }
  }
}

RADIO_VECTOR_CLONES void Portable(const Tile& tile, const float* bias, bool gelu,
                                  const BitRows<const uint16_t>& residual,
                                  const BitRows<uint16_t>& output) {
  gelu ? Finish<true, false>(tile, bias, residual, output)
       : Finish<false, false>(tile, bias, residual, output);
}

RADIO_BFLOAT16_UNITS void ByUnit(const Tile& tile, const float* bias, bool gelu,
                                 const BitRows<const uint16_t>& residual,
                                 const BitRows<uint16_t>& output) {
  gelu ? Finish<true, true>(tile, bias, residual, output)
       : Finish<false, true>(tile, bias, residual, output);
}

}  // namespace

void FinishTile(const Tile& tile, const float* bias, bool gelu,
                const BitRows<const uint16_t>& residual, const BitRows<uint16_t>& output) {
  static const auto finish = HasBfloat16Units() ? ByUnit : Portable;
  finish(tile, bias, gelu, residual, output);
}

}  // namespace radio::ops
