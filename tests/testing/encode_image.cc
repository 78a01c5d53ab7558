#include "tests/testing/encode_image.h"

// jpeglib.h needs size_t and FILE before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace radio {
namespace {

Encoded FromMalloc(uint8_t* data, size_t size) {
  Encoded encoded(data, data + size);
  std::free(data);
  return encoded;
}

void AppendBigEndian(Encoded* to, uint32_t value, int bytes = 4) {
  for (int i = bytes - 1; i >= 0; --i) to->push_back(static_cast<uint8_t>(value >> 8 * i));
}

void AppendInteger(Encoded* to, uint32_t value, int bytes, bool big_endian) {
  for (int i = 0; i < bytes; ++i) {
    to->push_back(static_cast<uint8_t>(value >> 8 * (big_endian ? bytes - 1 - i : i)));
  }
}

// Inverted ink amounts without black generation: what Adobe's programs store.
std::vector<uint8_t> ToCmyk(const RgbImage& image) {
  std::vector<uint8_t> cmyk;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    cmyk.insert(cmyk.end(), &image.pixels[i], &image.pixels[i] + 3);
    cmyk.push_back(255);
  }
  return cmyk;
}

// Components, their indices, first and last coefficient, successive approximation.
constexpr std::array<jpeg_scan_info, 4> kScans = {{
    {3, {0, 1, 2}, 0, 0, 0, 0},
    {1, {0}, 1, 63, 0, 0},
    {1, {1}, 1, 63, 0, 0},
    {1, {2}, 1, 63, 0, 0},
}};

void SetUpJpeg(jpeg_compress_struct* info, const RgbImage& image, const JpegOptions& options) {
  info->image_width = image.size.width;
  info->image_height = image.size.height;
  info->input_components = options.cmyk ? 4 : 3;
  info->in_color_space = options.cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(info);
  if (options.cmyk) {
    jpeg_set_colorspace(info, options.transform_cmyk ? JCS_YCCK : JCS_CMYK);
    info->write_Adobe_marker = TRUE;
  }
  jpeg_set_quality(info, options.quality, TRUE);
  if (options.progressive) {
    info->scan_info = kScans.data();
    info->num_scans = kScans.size();
  }
}

}  // namespace

RgbImage MakePicture(Size size) {
  RgbImage image{size, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const bool edge = y < size.height / 3 && x < size.width / 4;
      image.pixels.push_back(edge ? 250 : 30 + 200 * x / size.width);
      image.pixels.push_back(static_cast<uint8_t>(edge ? 20 : 230 - 200 * y / size.height));
      image.pixels.push_back(
          static_cast<uint8_t>(128 + 100 * std::sin(x / 9.0) * std::cos(y / 7.0)));
    }
  }
  return image;
}

Encoded EncodeJpeg(const RgbImage& image, const JpegOptions& options) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  uint8_t* data = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type.
  jpeg_mem_dest(&info, &data, &size);
  SetUpJpeg(&info, image, options);
  jpeg_start_compress(&info, TRUE);
  if (!options.exif.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1, options.exif.data(),
                      static_cast<unsigned>(options.exif.size()));
  }
  std::vector<uint8_t> samples = options.cmyk ? ToCmyk(image) : image.pixels;
  for (int y = 0; y < image.size.height; ++y) {
    uint8_t* row = samples.data() + size_t{info.image_width} * y * info.input_components;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return FromMalloc(data, size);
}

Encoded EncodePng(const RgbImage& image, bool interlaced) {
  Encoded encoded;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &encoded,
      [](png_structp p, png_bytep data, png_size_t size) {
        auto* to = static_cast<Encoded*>(png_get_io_ptr(p));
        to->insert(to->end(), data, data + size);
      },
      nullptr);
  png_set_IHDR(png, info, image.size.width, image.size.height, 8, PNG_COLOR_TYPE_RGB,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  std::vector<uint8_t*> rows;
  for (int y = 0; y < image.size.height; ++y) {
    rows.push_back(const_cast<uint8_t*>(image.pixels.data()) + size_t{3} * image.size.width * y);
  }
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return encoded;
}

Encoded EncodeLosslessWebp(const RgbImage& image) {
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessRGB(image.pixels.data(), image.size.width,
                                            image.size.height, 3 * image.size.width, &data);
  return FromMalloc(data, size);
}

Encoded EncodeLossyWebp(const RgbImage& image, float quality) {
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeRGB(image.pixels.data(), image.size.width, image.size.height,
                                    3 * image.size.width, quality, &data);
  return FromMalloc(data, size);
}

Encoded MakeExif(int orientation, bool big_endian) {
  Encoded exif = {'E', 'x', 'i', 'f', 0, 0};
  exif.insert(exif.end(), 2, big_endian ? 'M' : 'I');
  AppendInteger(&exif, 42, 2, big_endian);
  AppendInteger(&exif, 8, 4, big_endian);       // Where the first directory is.
  AppendInteger(&exif, 1, 2, big_endian);       // Entries in it.
  AppendInteger(&exif, 0x0112, 2, big_endian);  // Tag: orientation.
  AppendInteger(&exif, 3, 2, big_endian);       // Type: 16 bits.
  AppendInteger(&exif, 1, 4, big_endian);       // Values.
  AppendInteger(&exif, orientation, 2, big_endian);
  AppendInteger(&exif, 0, 2, big_endian);  // Padding of the value.
  AppendInteger(&exif, 0, 4, big_endian);  // No second directory.
  return exif;
}

Encoded MakePngChunk(const std::string& type, const Encoded& data) {
  Encoded chunk;
  AppendBigEndian(&chunk, static_cast<uint32_t>(data.size()));
  chunk.insert(chunk.end(), type.begin(), type.end());
  Append(&chunk, data);
  AppendBigEndian(&chunk, static_cast<uint32_t>(crc32_z(0, chunk.data() + 4, data.size() + 4)));
  return chunk;
}

Encoded MakePngHeader(uint32_t height, uint32_t width) {
  Encoded png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  Encoded header;
  AppendBigEndian(&header, width);
  AppendBigEndian(&header, height);
  Append(&header, {8, 2, 0, 0, 0});  // 8 bits, RGB, no interlacing.
  Append(&png, MakePngChunk("IHDR", header));
  return png;
}

void Append(Encoded* to, const Encoded& more) { to->insert(to->end(), more.begin(), more.end()); }

int MaxDifference(const RgbImage& a, const RgbImage& b) {
  if (a.size != b.size || a.pixels.size() != b.pixels.size()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return largest;
}

Encoded ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return Encoded(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

RgbImage ReadPpm(const std::string& path) {
  const Encoded bytes = ReadTestFile(path);
  std::istringstream header(
      std::string(bytes.begin(), bytes.begin() + std::min<size_t>(64, bytes.size())));
  std::string magic;
  RgbImage image;
  int largest = 0;
  header >> magic >> image.size.width >> image.size.height >> largest;
  const size_t start = static_cast<size_t>(header.tellg()) + 1;
  const size_t want = size_t{3} * image.size.height * image.size.width;
  if (magic != "P6" || largest != 255 || bytes.size() != start + want) {
    throw std::runtime_error("no 8-bit PPM: " + path);
  }
  image.pixels.assign(bytes.begin() + start, bytes.end());
  return image;
}

}  // namespace radio
