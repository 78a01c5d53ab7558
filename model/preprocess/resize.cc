#include "model/preprocess/resize.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace radio {
namespace {

constexpr int kPairsAtOnce = kRowsAtOnce / 2;

size_t RowBytes(int width) { return static_cast<size_t>(kChannels) * width; }

RgbImage ResizeWidthFirst(const RgbImage& image, Size size) {
  StreamResizer resizer(image.size, size);
  const size_t row_bytes = RowBytes(image.size.width);
  for (int y = 0; y < image.size.height; ++y) {
    std::copy_n(image.pixels.data() + row_bytes * y, row_bytes, resizer.NextRow());
  }
  return resizer.Finish();
}

}  // namespace

bool IsHeightFirst(Size from, Size to) {
  const int rows_fewer = from.height - to.height;
  const int columns_fewer = from.width - to.width;
  return columns_fewer != 0 && rows_fewer > 0 && rows_fewer > 2 * columns_fewer;
}

RgbImage ResizeBicubic(RgbImage image, Size size) {
  if (image.size == size) return image;
  if (IsHeightFirst(image.size, size)) {
    image = ResizeWidthFirst(image, {size.height, image.size.width});
  }
  return ResizeWidthFirst(image, size);
}

StreamResizer::StreamResizer(Size from, Size to)
    : from_(from),
      columns_(MakeBicubicTaps(from.width, to.width)),
      rows_(MakeBicubicTaps(from.height, to.height)),
      input_row_bytes_(RowBytes(from.width) + kRowPadding),
      input_(input_row_bytes_ * kRowsAtOnce),
      room_(RowBlocks(from.width)),
      pair_samples_(2 * (RowBytes(to.width) + kRowPadding)),
      ring_pairs_(rows_.pairs + kPairsAtOnce),
      ring_(pair_samples_ * ring_pairs_),
      output_{to, std::vector<uint8_t>(RowBytes(to.width) * to.height + kRowPadding)} {}

uint8_t* StreamResizer::NextRow() {
  if (collected_ == kRowsAtOnce) ResizeCollectedRows();
  return input_.data() + input_row_bytes_ * collected_++;
}

RgbImage StreamResizer::Finish() {
  ResizeCollectedRows();
  output_.pixels.resize(RowBytes(output_.size.width) * output_.size.height);
  return std::move(output_);
}

int16_t* StreamResizer::PairOfRows(int pair) {
  return ring_.data() + pair_samples_ * (pair % ring_pairs_);
}

void StreamResizer::ResizeCollectedRows() {
  std::array<const uint8_t*, kRowsAtOnce> rows;
  for (int i = 0; i < kRowsAtOnce; ++i) rows[i] = input_.data() + input_row_bytes_ * i;
  std::array<int16_t*, kPairsAtOnce> pairs;
  for (int i = 0; i < kPairsAtOnce; ++i) pairs[i] = PairOfRows(pairs_ + i);
  BestKernels().resize_rows(columns_, rows.data(), pairs.data(), room_.data());
  pairs_ += kPairsAtOnce;
  collected_ = 0;
  EmitRows();
}

// Every output row whose pairs of rows are all there.
void StreamResizer::EmitRows() {
  const int count = rows_.pairs;
  std::vector<const int16_t*> pairs(count);
  for (; emitted_ < rows_.out; ++emitted_) {
    const int first = rows_.first[emitted_] / 2;
    if (first + count > pairs_) return;
    for (int k = 0; k < count; ++k) pairs[k] = PairOfRows(first + k);
    BestKernels().sum_pairs(rows_.weights_of(emitted_), pairs.data(), count,
                            RowBytes(output_.size.width),
                            output_.pixels.data() + RowBytes(output_.size.width) * emitted_);
  }
}

}  // namespace radio
