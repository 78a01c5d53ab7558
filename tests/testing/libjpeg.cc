#include "tests/testing/libjpeg.h"

// jpeglib.h needs size_t and FILE before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on

namespace radio {

void DecodeWithLibjpeg(const Encoded& jpeg, RgbImage* image) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, jpeg.data(), jpeg.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  image->size = {static_cast<int>(info.output_height), static_cast<int>(info.output_width)};
  const size_t row_bytes = size_t{3} * info.output_width;
  image->pixels.resize(row_bytes * info.output_height);
  while (info.output_scanline < info.output_height) {
    uint8_t* row = image->pixels.data() + row_bytes * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

}  // namespace radio
