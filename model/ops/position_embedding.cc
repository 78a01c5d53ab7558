#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "model/ops/bilinear_tap.h"
#include "model/ops/operators.h"
#include "model/ops/parallel.h"

namespace radio::ops {
namespace {

template <typename T>
void Blend(const T* __restrict top_left, const T* __restrict top_right,
           const T* __restrict bottom_left, const T* __restrict bottom_right, float right,
           float bottom, int64_t channels, T* __restrict out) {
  const float left = 1.0f - right;
  const float top = 1.0f - bottom;
  for (int64_t d = 0; d < channels; ++d) {
    const float upper =
        left * static_cast<float>(top_left[d]) + right * static_cast<float>(top_right[d]);
    const float lower =
        left * static_cast<float>(bottom_left[d]) + right * static_cast<float>(bottom_right[d]);
    out[d] = static_cast<T>(top * upper + bottom * lower);
  }
}

// Writes rows of the h x w crop; `table` is contiguous.
template <typename T>
void WriteGrid(const at::Tensor& table, int64_t height, int64_t width, bool align_corners, T* out) {
  const T* source = table.const_data_ptr<T>();
  const int64_t rows = table.size(0);
  const int64_t columns = table.size(1);
  const int64_t channels = table.size(2);
  if (height == rows && width == columns) {
    std::memcpy(out, source, static_cast<size_t>(rows * columns * channels) * sizeof(T));
    return;
  }
  const int64_t side = std::max(height, width);
  at::parallel_for(0, height, 1, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const Tap tap_y = TapOf(y, rows, side, align_corners);
      const T* top = source + tap_y.low * columns * channels;
      const T* bottom = source + tap_y.high * columns * channels;
      for (int64_t x = 0; x < width; ++x) {
        const Tap tap_x = TapOf(x, columns, side, align_corners);
        Blend(top + tap_x.low * channels, top + tap_x.high * channels,
              bottom + tap_x.low * channels, bottom + tap_x.high * channels, tap_x.high_weight,
              tap_y.high_weight, channels, out + (y * width + x) * channels);
      }
    }
  });
}

}  // namespace

at::Tensor PositionEmbedding(const at::Tensor& table, at::IntArrayRef heights,
                             at::IntArrayRef widths, bool align_corners) {
  TORCH_CHECK(table.dim() == 3 && table.numel() > 0,
              "position_embedding: table must be [R, C, D], got ", table.sizes());
  TORCH_CHECK(heights.size() == widths.size(), "position_embedding: ", heights.size(),
              " heights but ", widths.size(), " widths");
  int64_t total = 0;
  for (size_t i = 0; i < heights.size(); ++i) {
    TORCH_CHECK(heights[i] > 0 && widths[i] > 0, "position_embedding: grid ", i, " is ", heights[i],
                " x ", widths[i], "; both sides must be positive");
    total += heights[i] * widths[i];
  }
  const at::Tensor contiguous = table.contiguous();
  at::Tensor output = at::empty({total, table.size(2)}, table.options());
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, table.scalar_type(), "position_embedding", [&] {
        auto* out = output.mutable_data_ptr<scalar_t>();
        for (size_t i = 0; i < heights.size(); ++i) {
          WriteGrid<scalar_t>(contiguous, heights[i], widths[i], align_corners, out);
          out += heights[i] * widths[i] * table.size(2);
        }
      });
  return output;
}

}  // namespace radio::ops
