#include "model/ops/linear_tile.h"

#include "model/ops/cpu_features.h"
#include "model/ops/exp2.h"
#include "model/ops/vector.h"

namespace radio::ops {
namespace {

// x Phi(x), Phi(-|x|) = erfc(|x| / sqrt 2) / 2 by 7.1.26 of Abramowitz and Stegun's handbook,
// within 1.5e-7 of erfc; bfloat16 rounds 1 by up to 2e-3.
RADIO_VECTOR_INLINE Floats Gelu(const Floats& x) {
  const Floats magnitude = x < 0.0f ? -x : x;
  const Floats t = 1.0f / (1.0f + (0.3275911f * 0.707106781f) * magnitude);
  const Floats polynomial =
      ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t +
       0.254829592f) *
      t;
  constexpr float kHalfLog2E = 0.721347520f;
  const Floats tail = 0.5f * polynomial * Exp2(-kHalfLog2E * x * x);
  const Floats positive = x < 0.0f ? Floats{} : x;
  return positive - magnitude * tail;
}

template <bool kGelu, bool kByUnit>
RADIO_VECTOR_INLINE void Finish(const Tile& tile, const float* bias,
                                const BitRows<const uint16_t>& residual,
                                const BitRows<uint16_t>& output) {
  for (int64_t i = 0; i < tile.rows; ++i) {
    const float* sums = tile.sums + i * tile.columns;
    for (int64_t j = 0; j < tile.columns; j += kLanes) {
      Floats x = Load(sums + j) + Load(bias + j);
      if (kGelu) x = Gelu(x);
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
