// One step of the running softmax of flash attention, over a tile of scores.
#ifndef RADIO_MODEL_OPS_SOFTMAX_TILE_H_
#define RADIO_MODEL_OPS_SOFTMAX_TILE_H_

#include <cstdint>

namespace radio::ops {

// Columns of a tile are padded to a multiple of this.
inline constexpr int64_t kTileColumns = 32;

// What a row of queries has seen of its segment so far. Starts as {-infinity, 0}.
struct RowState {
  float largest;
  float sum;
};

// One row of scores [columns], of which the first `valid` count. Writes exp(scale * score -
// largest) as bfloat16 bits to `weights` [columns], brings `state` up to date and multiplies
// `output` [channels], the weighted sum so far, by what the new largest score makes of the old
// weights. `columns` is a multiple of kTileColumns, `scores` is overwritten. `scale` > 0.
void SoftmaxRow(float* scores, int64_t columns, int64_t valid, float scale, RowState* state,
                float* output, int64_t channels, uint16_t* weights);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_SOFTMAX_TILE_H_
