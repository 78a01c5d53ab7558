// JPEG files decoded by libjpeg-turbo alone: what the project's decoder must equal and is timed
// against.
#ifndef RADIO_TESTS_TESTING_LIBJPEG_H_
#define RADIO_TESTS_TESTING_LIBJPEG_H_

#include "model/preprocess/image.h"
#include "tests/testing/encode_image.h"

namespace radio {

// Of a sound file. The memory of `image` is used again.
void DecodeWithLibjpeg(const Encoded& jpeg, RgbImage* image);

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_LIBJPEG_H_
