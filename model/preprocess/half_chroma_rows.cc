#include "model/preprocess/half_chroma_rows.h"

#include <algorithm>

namespace radio {
namespace {

constexpr int kBlock = 16;  // Pixels on a side of what libjpeg decodes at once.

int RoundUpToBlock(int n) { return (n + kBlock - 1) / kBlock * kBlock; }

}  // namespace

HalfChromaRows::HalfChromaRows(Size size)
    : size_(size),
      row_bytes_(RoundUpToBlock(size.width) + kComponentPadding),
      bytes_(row_bytes_ * 2 * (kRowsInPiece + 2 * kChromaRows)),
      upsampler_(size.width),
      components_{luma_.data(), blue_.data(), red_.data()} {}

uint8_t*** HalfChromaRows::NextPiece() {
  for (int i = 0; i < kRowsInPiece; ++i) luma_[i] = Luma(read_ + i);
  for (int i = 0; i < kChromaRows; ++i) {
    blue_[i] = Chroma(0, read_ / 2 + i);
    red_[i] = Chroma(1, read_ / 2 + i);
  }
  read_ += kRowsInPiece;
  return components_.data();
}

bool HalfChromaRows::HasRow() const {
  // A piece's last row needs colours of the next.
  return made_ < size_.height && (made_ + 1 < read_ || size_.height <= read_);
}

void HalfChromaRows::MakeRow(uint8_t* rgb) {
  upsampler_.Convert(Luma(made_), ChromaOf(0, made_), ChromaOf(1, made_), rgb);
  ++made_;
}

uint8_t* HalfChromaRows::Luma(int row) {
  return bytes_.data() + row_bytes_ * (row % (2 * kRowsInPiece));
}

uint8_t* HalfChromaRows::Chroma(int component, int row) {
  const int first = 2 * (kRowsInPiece + kChromaRows * component);
  return bytes_.data() + row_bytes_ * (first + row % (2 * kChromaRows));
}

ChromaRows HalfChromaRows::ChromaOf(int component, int row) {
  const int own = row / 2;
  const int neighbour = row % 2 == 0 ? own - 1 : own + 1;
  const int last = (size_.height - 1) / 2;
  return {Chroma(component, own), Chroma(component, std::clamp(neighbour, 0, last))};
}

}  // namespace radio
