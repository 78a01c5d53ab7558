// The rows of a JPEG whose colours have half the resolution (4:2:0), between libjpeg and pixels.
#ifndef RADIO_MODEL_PREPROCESS_HALF_CHROMA_ROWS_H_
#define RADIO_MODEL_PREPROCESS_HALF_CHROMA_ROWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/preprocess/chroma_upsampler.h"
#include "model/types.h"

namespace radio {

// Takes pieces of the components and makes rows of pixels as soon as they can be made. Keeps two
// pieces, for a row lies between colours of two.
class HalfChromaRows {
 public:
  // Of the luma component, and twice as many as of the others: libjpeg's unit of raw data.
  static constexpr int kRowsInPiece = 16;

  static bool Supported() { return ChromaUpsampler::Supported(); }

  // Of pictures that are more than four pixels wide.
  explicit HalfChromaRows(Size size);
  HalfChromaRows(const HalfChromaRows&) = delete;
  HalfChromaRows& operator=(const HalfChromaRows&) = delete;

  // Where the next piece goes: rows by component (luma, blue, red). Calls alternate with those of
  // MakeRow for all rows that there are.
  uint8_t*** NextPiece();

  // Whether the next row can be made of the pieces that are there.
  bool HasRow() const;

  // Writes the next row from the top, RGB pixels.
  void MakeRow(uint8_t* rgb);

 private:
  static constexpr int kChromaRows = kRowsInPiece / 2;

  uint8_t* Luma(int row);
  // 0 is blue, 1 red.
  uint8_t* Chroma(int component, int row);
  ChromaRows ChromaOf(int component, int row);

  const Size size_;
  const size_t row_bytes_;
  std::vector<uint8_t> bytes_;
  ChromaUpsampler upsampler_;
  std::array<uint8_t*, kRowsInPiece> luma_{};
  std::array<uint8_t*, kChromaRows> blue_{};
  std::array<uint8_t*, kChromaRows> red_{};
  std::array<uint8_t**, 3> components_;
  int read_ = 0;
  int made_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_HALF_CHROMA_ROWS_H_
