// Bicubic resize with antialiasing, equal to Pillow's within one grey level.
#ifndef RADIO_MODEL_PREPROCESS_RESIZE_H_
#define RADIO_MODEL_PREPROCESS_RESIZE_H_

#include "model/preprocess/image.h"
#include "model/types.h"

namespace radio {

// Separable bicubic (a = -0.5) whose support grows with the scale when shrinking; the horizontal
// pass first, or the vertical one where it removes more than twice as many rows as the other
// removes columns; each pass rounded to 8 bits. Both sizes must be positive. Returns the input
// itself when nothing changes.
RgbImage ResizeBicubic(RgbImage image, Size size);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_RESIZE_H_
