// Bicubic resize with antialiasing, equal to Pillow's within one grey level.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
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
  // `kernels` must outlive it.
  StreamResizer(Size from, Size to, const ResizeKernels& kernels = BestKernels());

  // Where the next row from the top goes, `from.width` RGB pixels. It counts as complete with the
  // next call of a method; at most `from.height` rows.
  uint8_t* NextRow();

  // Once, after the last row.
  RgbImage Finish();

 private:
  void ResizeCollectedRows();
  void EmitRows();
  uint8_t* Band(int band);

  const ResizeKernels& kernels_;
  const ResizeTaps rows_;
  const std::unique_ptr<HorizontalPass> horizontal_;
  const std::unique_ptr<VerticalPass> vertical_;

  // Input rows that wait for the horizontal pass.
  const size_t row_bytes_;
  std::vector<CacheLine> input_;
  int collected_ = 0;

  // The latest results of the horizontal pass, a ring of bands.
  const size_t band_bytes_;
  const int bands_at_once_;
  const int bands_per_row_;
  const int ring_bands_;
  std::vector<CacheLine> ring_;
  int bands_ = 0;

  RgbImage output_;
  int emitted_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_H_
