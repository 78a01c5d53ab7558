// The eight ways a camera may have been held.
#ifndef RADIO_MODEL_PREPROCESS_ORIENTATION_H_
#define RADIO_MODEL_PREPROCESS_ORIENTATION_H_

#include "model/preprocess/image.h"

namespace radio {

// Size of an image stored as `stored` once it stands upright; orientations 5..8 swap the sides.
Size UprightSize(Size stored, int orientation);

// Turns and mirrors an image as EXIF `orientation` (1..8) says. Returns the input itself for 1.
RgbImage ApplyOrientation(RgbImage image, int orientation);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_ORIENTATION_H_
