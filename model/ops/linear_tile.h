// What comes after the product of a linear, for one tile of it.
#ifndef RADIO_MODEL_OPS_LINEAR_TILE_H_
#define RADIO_MODEL_OPS_LINEAR_TILE_H_

#include <cstdint>

namespace radio::ops {

// Columns of a tile are a multiple of this.
inline constexpr int64_t kColumnStep = 16;

// Of a matrix of bfloat16 bits, `stride` elements from row to row.
template <typename Bits>
struct BitRows {
  Bits* data;
  int64_t stride;
};

// Products [rows, columns], row after row.
struct Tile {
  const float* sums;
  int64_t rows;
  int64_t columns;
};

// output = act(tile + bias) + residual, in float32 and rounded once. bias: [columns]; act: exact
// GELU or nothing; residual.data may be null.
void FinishTile(const Tile& tile, const float* bias, bool gelu,
                const BitRows<const uint16_t>& residual, const BitRows<uint16_t>& output);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_LINEAR_TILE_H_
