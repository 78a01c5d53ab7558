// One step of the running softmax of flash attention, over a tile of scores.
#ifndef RADIO_MODEL_OPS_SOFTMAX_TILE_H_
#define RADIO_MODEL_OPS_SOFTMAX_TILE_H_

#include <array>
#include <cstdint>

#include "model/ops/block_product.h"

namespace radio::ops {

// What a block of queries has seen of its segment so far: the largest score of each row, and the
// sum of the row's weights against that. Starts as -infinity and 0.
struct RowStates {
  alignas(64) std::array<float, kBlockRows> largest;
  alignas(64) std::array<float, kBlockRows> sum;
};

// Scores of `rows` queries with `columns` keys, of which the first `valid` count.
struct ScoreTile {
  // [rows, columns], overwritten.
  float* scores;
  int64_t rows;
  // A multiple of kInnerStep of block_product.h.
  int64_t columns;
  int64_t valid;
  // Of the scores; positive.
  float scale;
};

// Writes exp(scale * (score - largest)) of a tile as bfloat16 bits to `weights`, as the left side
// of a product (block_product.h); brings `states` up to date and multiplies `output` [rows,
// channels], the weighted sums so far, by what the new largest scores make of the old weights.
void SoftmaxTile(const ScoreTile& tile, RowStates* states, float* output, int64_t channels,
                 uint16_t* weights);

// The first `count` channels of weighted sums `output` [rows, channels] over the sums of weights,
// as bfloat16 bits to rows of `target` that are `stride` apart. `channels` is a multiple of
// kPanelColumns.
void DivideRows(const RowStates& states, const float* output, int64_t rows, int64_t channels,
                int64_t count, uint16_t* target, int64_t stride);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_SOFTMAX_TILE_H_
