#include "model/ops/softmax_tile.h"

#include <algorithm>
#include <array>
#include <limits>

#include "model/ops/block_product.h"
#include "model/ops/cpu_features.h"
#include "model/ops/exp2.h"
#include "model/ops/vector.h"

namespace radio::ops {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
// Columns that belong together in a left side.
constexpr int64_t kGroup = kInnerStep;

// The largest of a row that is a multiple of kGroup long; NaN is none.
RADIO_VECTOR_INLINE float Largest(const float* row, int64_t columns) {
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
RADIO_VECTOR_INLINE void Tile(const ScoreTile& tile, RowStates* states, float* output,
                              int64_t channels, uint16_t* weights) {
  constexpr float kLog2E = 1.44269504f;
  const float scale = tile.scale * kLog2E;
  alignas(64) std::array<float, kBlockRows> largest = states->largest;
  for (int64_t i = 0; i < tile.rows; ++i) {
    float* scores = tile.scores + i * tile.columns;
    for (int64_t j = tile.valid; j < tile.columns; ++j) scores[j] = kNone;
    float& row = largest[static_cast<size_t>(i)];
    row = std::max(row, Largest(scores, tile.columns));
  }
  alignas(64) std::array<float, kBlockRows> fades;
  for (size_t i = 0; i < kBlockRows; i += kLanes) {
    const Floats before = Load(&states->largest[i]);
    const Floats fade = Exp2<kByUnit>((before - Load(&largest[i])) * scale);
    // Before the first tile there was nothing.
    Store(before > kNone ? fade : Floats{}, &fades[i]);
  }
  for (int64_t i = 0; i < tile.rows; ++i) {
    const auto row = static_cast<size_t>(i);
    const float* scores = tile.scores + i * tile.columns;
    uint16_t* target = weights + i * kGroup;
    const float shift = largest[row] * scale;
    Floats even{};
    Floats odd{};
    for (int64_t j = 0; j < tile.columns; j += kGroup, target += kGroup * kBlockRows) {
      const Floats first = Exp2<kByUnit>(Load(scores + j) * scale - shift);
      const Floats second = Exp2<kByUnit>(Load(scores + j + kLanes) * scale - shift);
      even += first;
      odd += second;
      StoreBits<kByUnit>(first, second, target);
    }
    float& sum = states->sum[row];
    if (largest[row] > states->largest[row]) {
      sum *= fades[row];
      for (int64_t d = 0; d < channels; ++d) output[i * channels + d] *= fades[row];
    }
    sum += Sum(even + odd);
  }
  states->largest = largest;
}

template <bool kByUnit>
RADIO_VECTOR_INLINE void Divide(const RowStates& states, const float* output, int64_t rows,
                                int64_t channels, int64_t count, uint16_t* target, int64_t stride) {
  for (int64_t i = 0; i < rows; ++i, output += channels, target += stride) {
    const float inverse = 1.0f / states.sum[static_cast<size_t>(i)];
    int64_t d = 0;
    for (; d + kLanes <= count; d += kLanes) {
      StoreBits<kByUnit>(Load(output + d) * inverse, target + d);
    }
    if (d == count) continue;
    uint16_t rest[kLanes];
    StoreBits<kByUnit>(Load(output + d) * inverse, rest);
    std::copy_n(rest, count - d, target + d);
  }
}

RADIO_VECTOR_CLONES void PortableTile(const ScoreTile& tile, RowStates* states, float* output,
                                      int64_t channels, uint16_t* weights) {
  Tile<false>(tile, states, output, channels, weights);
}

RADIO_BFLOAT16_UNITS void TileByUnit(const ScoreTile& tile, RowStates* states, float* output,
                                     int64_t channels, uint16_t* weights) {
  Tile<true>(tile, states, output, channels, weights);
}

RADIO_VECTOR_CLONES void PortableDivide(const RowStates& states, const float* output, int64_t rows,
                                        int64_t channels, int64_t count, uint16_t* target,
                                        int64_t stride) {
  Divide<false>(states, output, rows, channels, count, target, stride);
}

RADIO_BFLOAT16_UNITS void DivideByUnit(const RowStates& states, const float* output, int64_t rows,
                                       int64_t channels, int64_t count, uint16_t* target,
                                       int64_t stride) {
  Divide<true>(states, output, rows, channels, count, target, stride);
}

}  // namespace

void SoftmaxTile(const ScoreTile& tile, RowStates* states, float* output, int64_t channels,
                 uint16_t* weights) {
  static const auto step = HasBfloat16Units() ? TileByUnit : PortableTile;
  step(tile, states, output, channels, weights);
}

void DivideRows(const RowStates& states, const float* output, int64_t rows, int64_t channels,
                int64_t count, uint16_t* target, int64_t stride) {
  static const auto divide = HasBfloat16Units() ? DivideByUnit : PortableDivide;
  divide(states, output, rows, channels, count, target, stride);
}

}  // namespace radio::ops
