#include "model/ops/softmax_tile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/ops/block_product.h"
#include "model/ops/cpu_features.h"
#include "model/ops/exp2.h"
#include "model/ops/vector.h"

namespace radio::ops {
namespace {

// Columns that belong together in a left side.
constexpr int64_t kGroup = kInnerStep;

// The largest of a row that is a multiple of kGroup long; NaN is none.
RADIO_VECTOR_INLINE float Largest(const float* row, int64_t columns) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  // Two at once: a comparison takes longer than the next can wait.
  Floats even = Floats{} + kNone;
  Floats odd = even;
  for (int64_t j = 0; j < columns; j += kGroup) {
    const Floats first = Load(row + j);
    const Floats second = Load(row + j + kLanes);
    even = first > even ? first : even;
    odd = second > odd ? second : odd;
  }
  return Max(odd > even ? odd : even);
}

template <bool kByUnit>
RADIO_VECTOR_INLINE void Tile(const ScoreTile& tile, RowState* states, float* output,
                              int64_t channels, uint16_t* weights) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  constexpr float kLog2E = 1.44269504f;
  const float scale2 = tile.scale * kLog2E;
  for (int64_t i = 0; i < tile.rows; ++i) {
    float* scores = tile.scores + i * tile.columns;
    for (int64_t j = tile.valid; j < tile.columns; ++j) scores[j] = kNone;
    RowState& state = states[i];
    const float largest = std::max(state.largest, Largest(scores, tile.columns) * tile.scale);
    const float largest2 = largest * kLog2E;
    Floats sums{};
    for (int64_t j = 0; j < tile.columns; j += kGroup) {
      uint16_t* target = weights + j * kBlockRows + i * kGroup;
      const Floats first = Exp2(Load(scores + j) * scale2 - largest2);
      const Floats second = Exp2(Load(scores + j + kLanes) * scale2 - largest2);
      sums += first + second;
      StoreBits<kByUnit>(first, target);
      StoreBits<kByUnit>(second, target + kLanes);
    }
    if (largest > state.largest) {
      const float fade = std::exp(state.largest - largest);
      state.largest = largest;
      state.sum *= fade;
      for (int64_t d = 0; d < channels; ++d) output[i * channels + d] *= fade;
    }
    state.sum += Sum(sums);
  }
}

RADIO_VECTOR_CLONES void Portable(const ScoreTile& tile, RowState* states, float* output,
                                  int64_t channels, uint16_t* weights) {
  Tile<false>(tile, states, output, channels, weights);
}

RADIO_BFLOAT16_UNITS void ByUnit(const ScoreTile& tile, RowState* states, float* output,
                                 int64_t channels, uint16_t* weights) {
  Tile<true>(tile, states, output, channels, weights);
}

}  // namespace

void SoftmaxTile(const ScoreTile& tile, RowState* states, float* output, int64_t channels,
                 uint16_t* weights) {
  static const auto step = HasBfloat16Units() ? ByUnit : Portable;
  step(tile, states, output, channels, weights);
}

}  // namespace radio::ops
