// What one thread of the position embedding's kernel does.
#ifndef RADIO_MODEL_OPS_CUDA_POSITION_KERNEL_H_
#define RADIO_MODEL_OPS_CUDA_POSITION_KERNEL_H_

#include "model/ops/bilinear_tap.h"
#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

// A position table [rows, columns, channels] of a float type, contiguous on the device.
struct PositionTable {
  const void* values;
  Element type;
  int64_t rows;
  int64_t columns;
  int64_t channels;
};

// One thread per value of [height * width, channels].
template <typename T, typename Out>
RADIO_HOST_DEVICE void PositionValue(const PositionTable& table, int64_t height, int64_t width,
                                     bool align_corners, int64_t i, Out* output) {
  if (i >= height * width * table.channels) return;
  const int64_t channel = i % table.channels;
  const int64_t y = i / table.channels / width;
  const int64_t x = i / table.channels % width;
  const auto at = [&](int64_t row, int64_t column) {
    return Convert<T>::ToFloat(static_cast<const T*>(
        table.values)[(row * table.columns + column) * table.channels + channel]);
  };
  if (height == table.rows && width == table.columns) {
    output[i] = Convert<Out>::FromFloat(at(y, x));
    return;
  }
  const int64_t side = height > width ? height : width;
  const Tap ty = TapOf(y, table.rows, side, align_corners);
  const Tap tx = TapOf(x, table.columns, side, align_corners);
  const float left = 1.0f - tx.high_weight;
  const float upper = left * at(ty.low, tx.low) + tx.high_weight * at(ty.low, tx.high);
  const float lower = left * at(ty.high, tx.low) + tx.high_weight * at(ty.high, tx.high);
  output[i] = Convert<Out>::FromFloat((1.0f - ty.high_weight) * upper + ty.high_weight * lower);
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_POSITION_KERNEL_H_
