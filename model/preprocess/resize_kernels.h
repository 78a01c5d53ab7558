// The two passes of a resize, for the instructions that a machine has; private to resize.cc.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "model/preprocess/resize_taps.h"

namespace radio {

inline constexpr int kChannels = 3;
// Rows that the horizontal pass takes at once.
inline constexpr int kRowsAtOnce = 16;
// Samples that a pass may touch beyond the end of any row or band it is given.
inline constexpr size_t kRowPadding = 64;

// What vectors are loaded from in one piece.
struct alignas(64) CacheLine {
  std::array<uint8_t, 64> bytes;
};

// From one width to another. Not thread-safe.
class HorizontalPass {
 public:
  virtual ~HorizontalPass() = default;

  // kRowsAtOnce rows of RGB pixels, `row_bytes` apart, become bands, `band_bytes` apart.
  virtual void Run(const uint8_t* rows, size_t row_bytes, uint8_t* bands, size_t band_bytes) = 0;
};

// From one height to another.
class VerticalPass {
 public:
  virtual ~VerticalPass() = default;

  // Row `y` of the output, `samples` bytes. `bands` are those of its taps.
  virtual void Run(int y, const uint8_t* const* bands, size_t samples, uint8_t* to) const = 0;
};

// Between the passes rows lie in bands: each sample of a few neighbouring rows side by side, in the
// order and the type that the vertical pass multiplies them in. All implementations give the same
// pixels: sums of integers have no order.
struct ResizeKernels {
  int rows_per_band;
  int sample_bytes;  // Of all the rows of a band. Bands begin at multiples of a cache line.
  std::unique_ptr<HorizontalPass> (*horizontal)(int in, int out);
  // The taps' unit is rows_per_band.
  std::unique_ptr<VerticalPass> (*vertical)(const ResizeTaps& taps);
};

const ResizeKernels& PortableKernels();

// Null where the machine or the compiler lacks AVX2.
const ResizeKernels* Avx2Kernels();

// Null where the machine or the compiler lacks AVX-512 with VNNI and VBMI. Processors that have the
// former only slow down when they use vectors of 512 bits.
const ResizeKernels* Avx512Kernels();

// The fastest that this machine runs.
const ResizeKernels& BestKernels();

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_KERNELS_H_
