// The steps of one thread of the kernel that writes answers: one block per tile of a segment, whose
// values are in shared memory in between, so that rows are read and rows or columns written in
// order of memory. All threads of a block meet between two steps.
#ifndef RADIO_MODEL_OPS_CUDA_GATHER_KERNEL_H_
#define RADIO_MODEL_OPS_CUDA_GATHER_KERNEL_H_

#include <cmath>
#include <cstdint>

#include "model/ops/cuda/element.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {

// Rows and channels of a tile.
inline constexpr int kTile = 64;
// Threads that share a row when it is summed.
inline constexpr int kRowThreads = 32;

// An ops::OutputSegment on the device.
struct GatherSegment {
  // Its first row; [rows, channels], contiguous.
  const void* source;
  Element source_type;
  Element target_type;
  int64_t rows;
  int64_t channels;
  // In the slab, bytes.
  int64_t offset;
  // Tiles of all segments before it.
  int64_t first_tile;
  bool channels_first;
  bool l2_normalize;
};

inline int64_t TilesOf(int64_t rows, int64_t channels) {
  return ((rows + kTile - 1) / kTile) * ((channels + kTile - 1) / kTile);
}

struct Tile {
  int64_t segment;
  int64_t first_row;
  int64_t first_channel;
  int rows;
  int channels;
};

// The `index`-th tile of all `count` segments.
RADIO_HOST_DEVICE inline Tile TileAt(const GatherSegment* segments, int64_t count, int64_t index) {
  int64_t low = 0;
  int64_t high = count;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (segments[middle].first_tile <= index) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const GatherSegment& segment = segments[low];
  const int64_t across = (segment.channels + kTile - 1) / kTile;
  const int64_t tile = index - segment.first_tile;
  const int64_t row = tile / across * kTile;
  const int64_t channel = tile % across * kTile;
  const int64_t rows = segment.rows - row;
  const int64_t channels = segment.channels - channel;
  return {low, row, channel, static_cast<int>(rows < kTile ? rows : kTile),
          static_cast<int>(channels < kTile ? channels : kTile)};
}

// A block's shared memory. Lines are one longer than they hold, so that columns lie in different
// banks.
struct TileMemory {
  float values[kTile * (kTile + 1)];
  float squares[kTile * (kRowThreads + 1)];
  float scales[kTile];
};

// Step 1, under l2_normalize: the thread's shares of the rows' sums of squares, over all channels.
template <typename In>
RADIO_HOST_DEVICE void SumSquares(const GatherSegment& segment, const Tile& tile, unsigned thread,
                                  TileMemory* memory) {
  const int lane = static_cast<int>(thread) % kRowThreads;
  for (int r = static_cast<int>(thread) / kRowThreads; r < tile.rows; r += kThreads / kRowThreads) {
    const In* row =
        static_cast<const In*>(segment.source) + (tile.first_row + r) * segment.channels;
    float sum = 0.0f;
    for (int64_t c = lane; c < segment.channels; c += kRowThreads) {
      const float value = Convert<In>::ToFloat(row[c]);
      sum += value * value;
    }
    memory->squares[r * (kRowThreads + 1) + lane] = sum;
  }
}

// Step 2: what the rows are multiplied with.
RADIO_HOST_DEVICE inline void SetScales(const GatherSegment& segment, const Tile& tile,
                                        unsigned thread, TileMemory* memory) {
  const int r = static_cast<int>(thread);
  if (r >= tile.rows) return;
  float scale = 1.0f;
  if (segment.l2_normalize) {
    float sum = 0.0f;
    for (int k = 0; k < kRowThreads; ++k) sum += memory->squares[r * (kRowThreads + 1) + k];
    if (sum > 0.0f) scale = 1.0f / sqrtf(sum);
  }
  memory->scales[r] = scale;
}

// Step 3.
template <typename In>
RADIO_HOST_DEVICE void LoadTile(const GatherSegment& segment, const Tile& tile, unsigned thread,
                                TileMemory* memory) {
  const In* source = static_cast<const In*>(segment.source);
  for (int i = static_cast<int>(thread); i < kTile * kTile; i += kThreads) {
    const int r = i / kTile;
    const int c = i % kTile;
    if (r >= tile.rows || c >= tile.channels) continue;
    const int64_t from = (tile.first_row + r) * segment.channels + tile.first_channel + c;
    memory->values[r * (kTile + 1) + c] = Convert<In>::ToFloat(source[from]) * memory->scales[r];
  }
}

// Step 4. False if the thread wrote a value that is not finite.
template <typename Out>
RADIO_HOST_DEVICE bool StoreTile(const GatherSegment& segment, const Tile& tile, unsigned thread,
                                 const TileMemory& memory, uint8_t* slab) {
  Out* target = reinterpret_cast<Out*>(slab + segment.offset);
  bool finite = true;
  for (int i = static_cast<int>(thread); i < kTile * kTile; i += kThreads) {
    const int r = segment.channels_first ? i % kTile : i / kTile;
    const int c = segment.channels_first ? i / kTile : i % kTile;
    if (r >= tile.rows || c >= tile.channels) continue;
    auto value = Convert<Out>::FromFloat(memory.values[r * (kTile + 1) + c]);
    const float written = Convert<decltype(value)>::ToFloat(value);
    // Infinity and NaN are not 0 less themselves.
    finite = finite && written - written == 0.0f;
    const int64_t row = tile.first_row + r;
    const int64_t channel = tile.first_channel + c;
    target[segment.channels_first ? channel * segment.rows + row
                                  : row * segment.channels + channel] = value;
  }
  return finite;
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_GATHER_KERNEL_H_
