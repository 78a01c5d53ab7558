// Bicubic resize with antialiasing, equal to Pillow's within one grey level.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "model/preprocess/image.h"
#include "model/preprocess/resize_kernels.h"
#include "model/preprocess/resize_taps.h"
#include "model/types.h"

namespace radio {

// Separable bicubic (a = -0.5) whose support grows with the scale when shrinking; the horizontal
// pass first, or the vertical one where IsHeightFirst; each pass rounded to 8 bits. Both sizes must
// be positive. The same bytes on every machine. Returns the input itself when nothing changes.
RgbImage ResizeBicubic(RgbImage image, Size size);

// Where both sides change and the vertical pass removes more than twice as many rows as the
// horizontal one removes columns (Pillow's rule since its version 13).
bool IsHeightFirst(Size from, Size to);

// The same for an image that comes row by row and is never kept as a whole: first to another width,
// then to another height. Needs memory for a few rows besides the result.
class StreamResizer {
 public:
  StreamResizer(Size from, Size to);

  // Where the next row from the top goes, `from.width` RGB pixels. It counts as complete with the
  // next call of a method; at most `from.height` rows.
  uint8_t* NextRow();

  // Once, after the last row.
  RgbImage Finish();

 private:
  void ResizeCollectedRows();
  void EmitRows();
  int16_t* PairOfRows(int pair);

  const Size from_;
  const ResizeTaps columns_;
  const ResizeTaps rows_;

  // Input rows that wait for the horizontal pass.
  const size_t input_row_bytes_;
  std::vector<uint8_t> input_;
  int collected_ = 0;
  std::vector<RowBlock> room_;

  // The latest results of the horizontal pass, a ring of pairs of rows.
  const size_t pair_samples_;
  const int ring_pairs_;
  std::vector<int16_t> ring_;
  int pairs_ = 0;

  RgbImage output_;
  int emitted_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_H_
