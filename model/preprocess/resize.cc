#include "model/preprocess/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace radio {
namespace {

constexpr int kChannels = 3;
// Weights are fixed-point numbers with this many fractional bits: 8 bits for the pixel and 2 for
// overshoot and sign leave these of 32.
constexpr int kFractionBits = 32 - 8 - 2;
constexpr double kSupport = 2.0;

// Cubic convolution with a = -0.5.
double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// For each output coordinate the input coordinates that it is a weighted mean of.
struct Taps {
  // Weights per output; those beyond count are zero.
  int stride = 0;
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int32_t> weights;
};

Taps MakeTaps(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double support = kSupport * stretch;
  Taps taps;
  taps.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.weights.resize(size_t{static_cast<size_t>(out)} * taps.stride);
  std::vector<double> exact(taps.stride);
  for (int i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), in) - first;
    double sum = 0.0;
    for (int t = 0; t < count; ++t) {
      exact[t] = Bicubic((t + first - center + 0.5) / stretch);
      sum += exact[t];
    }
    for (int t = 0; t < count; ++t) {
      taps.weights[size_t{static_cast<size_t>(i)} * taps.stride + t] =
          static_cast<int32_t>(std::round(exact[t] / sum * (1 << kFractionBits)));
    }
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

uint8_t ToPixel(int32_t sum) {
  return static_cast<uint8_t>(
      std::clamp((sum + (1 << (kFractionBits - 1))) >> kFractionBits, 0, 255));
}

RgbImage ResizeWidth(const RgbImage& image, int width) {
  const Taps taps = MakeTaps(image.size.width, width);
  const int height = image.size.height;
  RgbImage out{{height, width}, std::vector<uint8_t>(size_t{kChannels} * height * width)};
  uint8_t* to = out.pixels.data();
  for (int y = 0; y < height; ++y) {
    const uint8_t* row = image.pixels.data() + size_t{kChannels} * y * image.size.width;
    for (int x = 0; x < width; ++x, to += kChannels) {
      const uint8_t* from = row + kChannels * taps.first[x];
      const int32_t* weights = taps.weights.data() + size_t{static_cast<size_t>(x)} * taps.stride;
      int32_t sums[kChannels] = {};
      for (int t = 0; t < taps.count[x]; ++t) {
        for (int c = 0; c < kChannels; ++c) sums[c] += weights[t] * from[kChannels * t + c];
      }
      for (int c = 0; c < kChannels; ++c) to[c] = ToPixel(sums[c]);
    }
  }
  return out;
}

RgbImage ResizeHeight(const RgbImage& image, int height) {
  const Taps taps = MakeTaps(image.size.height, height);
  const size_t row_bytes = size_t{kChannels} * image.size.width;
  RgbImage out{{height, image.size.width}, std::vector<uint8_t>(row_bytes * height)};
  std::vector<int32_t> sums(row_bytes);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int t = 0; t < taps.count[y]; ++t) {
      const uint8_t* from = image.pixels.data() + row_bytes * (taps.first[y] + t);
      const int32_t weight = taps.weights[size_t{static_cast<size_t>(y)} * taps.stride + t];
      for (size_t i = 0; i < row_bytes; ++i) sums[i] += weight * from[i];
    }
    uint8_t* to = out.pixels.data() + row_bytes * y;
    for (size_t i = 0; i < row_bytes; ++i) to[i] = ToPixel(sums[i]);
  }
  return out;
}

}  // namespace

RgbImage ResizeBicubic(RgbImage image, Size size) {
  // Order of the passes: Pillow's since version 13.
  const int rows_fewer = image.size.height - size.height;
  const int columns_fewer = image.size.width - size.width;
  const bool height_first = rows_fewer > 0 && rows_fewer > 2 * columns_fewer;
  if (height_first) image = ResizeHeight(image, size.height);
  if (columns_fewer != 0) image = ResizeWidth(image, size.width);
  if (image.size.height != size.height) image = ResizeHeight(image, size.height);
  return image;
}

}  // namespace radio
