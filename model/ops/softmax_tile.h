// One step of the running softmax of flash attention, over a tile of scores.
#ifndef RADIO_MODEL_OPS_SOFTMAX_TILE_H_
#define RADIO_MODEL_OPS_SOFTMAX_TILE_H_

#include <cstdint>

namespace radio::ops {

// What a row of queries has seen of its segment so far. Starts as {-infinity, 0}.
struct RowState {
  float largest;
  float sum;
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

// Writes exp(scale * score - largest) of a tile as bfloat16 bits to `weights`, as the left side of
// a product (block_product.h); brings `states` [rows] up to date and multiplies `output` [rows,
// channels], the weighted sums so far, by what the new largest scores make of the old weights.
void SoftmaxTile(const ScoreTile& tile, RowState* states, float* output, int64_t channels,
                 uint16_t* weights);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_SOFTMAX_TILE_H_
