// RGB rows of JPEG files whose colours are stored at half the resolution (4:2:0), most photographs.
#ifndef RADIO_MODEL_PREPROCESS_CHROMA_UPSAMPLER_H_
#define RADIO_MODEL_PREPROCESS_CHROMA_UPSAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace radio {

// Bytes that may be read beyond the end of a row of a component.
inline constexpr size_t kComponentPadding = 64;

// Of one component: the row that a row of pixels lies in and the one that it is nearer to.
struct ChromaRows {
  const uint8_t* own;
  const uint8_t* other;
};

// The same bytes as libjpeg-turbo's own ("fancy") upsampling and colour conversion, in a third of
// its time. Not thread-safe.
class ChromaUpsampler {
 public:
  // Whether this machine has the instructions (AVX-512 with VNNI and VBMI).
  static bool Supported();

  // `width` is that of the picture; components have half of it, rounded up.
  explicit ChromaUpsampler(int width);

  // Writes one row of RGB pixels.
  void Convert(const uint8_t* luma, ChromaRows blue, ChromaRows red, uint8_t* rgb);

 private:
  const int width_;
  // Sums of both rows, with room for a vector on either side.
  std::vector<int16_t> blue_;
  std::vector<int16_t> red_;
};

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_CHROMA_UPSAMPLER_H_
