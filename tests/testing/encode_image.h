// Small encoders and synthetic pictures for tests.
#ifndef RADIO_TESTS_TESTING_ENCODE_IMAGE_H_
#define RADIO_TESTS_TESTING_ENCODE_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/preprocess/image.h"

namespace radio {

using Encoded = std::vector<uint8_t>;

struct JpegOptions {
  int quality = 90;
  // One scan for all colours' means, then one for each colour's details.
  bool progressive = false;
  // Store the colours as ink amounts in Adobe's way: YCCK, or CMYK when not transformed.
  bool cmyk = false;
  bool transform_cmyk = true;
  // An APP1 segment when not empty.
  Encoded exif;
};

// Smooth colours with an edge; no two corners alike.
RgbImage MakePicture(Size size);

Encoded EncodeJpeg(const RgbImage& image, const JpegOptions& options = {});
Encoded EncodePng(const RgbImage& image, bool interlaced = false);
Encoded EncodeLosslessWebp(const RgbImage& image);
Encoded EncodeLossyWebp(const RgbImage& image, float quality = 80);

// An EXIF block ("Exif\0\0" and a TIFF header) that says `orientation` and nothing else.
Encoded MakeExif(int orientation, bool big_endian = false);

// One PNG chunk with the right checksum; `type` has four letters.
Encoded MakePngChunk(const std::string& type, const Encoded& data);
// A PNG header (signature and IHDR) of 8-bit RGB that declares any size.
Encoded MakePngHeader(uint32_t height, uint32_t width);

void Append(Encoded* to, const Encoded& more);

// Largest difference of two images' samples; 256 when the sizes differ.
int MaxDifference(const RgbImage& a, const RgbImage& b);

// A file of the test's data, e.g. "tests/testdata/preprocess/decode/png_rgb.png".
Encoded ReadTestFile(const std::string& path);
// A binary PPM file with 8 bits.
RgbImage ReadPpm(const std::string& path);

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_ENCODE_IMAGE_H_
