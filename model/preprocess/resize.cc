#include "model/preprocess/resize.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace radio {
namespace {

// libjpeg-turbo writes rows that begin at multiples of 32 bytes past the caches: they would have to
// be read from memory.
constexpr size_t kRowOffset = 16;

size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

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

StreamResizer::StreamResizer(Size from, Size to, const ResizeKernels& kernels)
    : kernels_(kernels),
      rows_(MakeBicubicTaps(from.height, to.height, kernels.rows_per_band)),
      horizontal_(kernels.horizontal(from.width, to.width)),
      vertical_(kernels.vertical(rows_)),
      row_bytes_(RoundUp(RowBytes(from.width) + kRowPadding, sizeof(CacheLine))),
      input_((kRowOffset + row_bytes_ * kRowsAtOnce) / sizeof(CacheLine) + 1),
      band_bytes_(
          RoundUp((RowBytes(to.width) + kRowPadding) * kernels.sample_bytes, sizeof(CacheLine))),
      bands_at_once_(kRowsAtOnce / kernels.rows_per_band),
      bands_per_row_(rows_.count / kernels.rows_per_band),
      // What the horizontal pass writes at once lies in one piece.
      ring_bands_(static_cast<int>(RoundUp(bands_per_row_ + bands_at_once_ - 1, bands_at_once_))),
      ring_(band_bytes_ / sizeof(CacheLine) * ring_bands_),
      output_{to, {}} {
  output_.pixels.reserve(RowBytes(to.width) * to.height + kRowPadding);
}

uint8_t* StreamResizer::NextRow() {
  if (collected_ == kRowsAtOnce) ResizeCollectedRows();
  return reinterpret_cast<uint8_t*>(input_.data()) + kRowOffset + row_bytes_ * collected_++;
}

RgbImage StreamResizer::Finish() {
  ResizeCollectedRows();
  output_.pixels.resize(RowBytes(output_.size.width) * output_.size.height);
  return std::move(output_);
}

uint8_t* StreamResizer::Band(int band) {
  return reinterpret_cast<uint8_t*>(ring_.data()) + band_bytes_ * (band % ring_bands_);
}

void StreamResizer::ResizeCollectedRows() {
  horizontal_->Run(reinterpret_cast<uint8_t*>(input_.data()) + kRowOffset, row_bytes_, Band(bands_),
                   band_bytes_);
  bands_ += bands_at_once_;
  collected_ = 0;
  EmitRows();
}

// Every output row whose bands are all there.
void StreamResizer::EmitRows() {
  const size_t row_bytes = RowBytes(output_.size.width);
  std::vector<const uint8_t*> bands(bands_per_row_);
  for (; emitted_ < rows_.out; ++emitted_) {
    const int first = rows_.first[emitted_] / kernels_.rows_per_band;
    if (first + bands_per_row_ > bands_) return;
    for (int k = 0; k < bands_per_row_; ++k) bands[k] = Band(first + k);
    // Grows row by row: what is cleared now is in the cache when it is written.
    output_.pixels.resize(row_bytes * (emitted_ + 1) + kRowPadding);
    vertical_->Run(emitted_, bands.data(), row_bytes, output_.pixels.data() + row_bytes * emitted_);
  }
}

}  // namespace radio
