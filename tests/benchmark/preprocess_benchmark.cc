// Decoding and resizing on one core, against what libjpeg-turbo alone takes for the same file. One
// JSON object a line; times are CPU milliseconds:
//   library_ms        libjpeg-turbo alone, its output buffer reused
//   decode_ms         DecodeImage
//   decode_resize_ms  DecodeAndResize to 512 pixels on the shorter side
//   resize_ms         ResizeBicubic of the decoded image (with a copy of it)
//   ratio             library_ms / decode_resize_ms
// Usage: preprocess_benchmark [SECONDS_PER_CASE]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <utility>
#include <vector>

#include "model/preprocess/image_decoder.h"
#include "model/preprocess/resize.h"
#include "tests/testing/encode_image.h"
#include "tests/testing/libjpeg.h"

namespace radio {
namespace {

// Of this thread, in milliseconds: whatever else the machine does does not count.
double CpuTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

// As much detail as a photograph at this quality: about 2 bits a pixel.
RgbImage MakePhoto(Size size) {
  RgbImage image = MakePicture(size);
  std::mt19937 random(1);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const int grain = static_cast<int>(random() % 21) - 10;
    for (size_t c = i; c < i + 3; ++c) {
      image.pixels[c] = static_cast<uint8_t>(std::clamp(image.pixels[c] + grain, 0, 255));
    }
  }
  return image;
}

Size ShorterSideTo(Size size, int side) {
  const int shorter = std::min(size.height, size.width);
  return {size.height * side / shorter, size.width * side / shorter};
}

// The lower quartile of each step's milliseconds. The steps take turns, so that a machine that
// slows down slows them all.
std::vector<double> Measure(double seconds, const std::vector<void (*)(void*)>& steps, void* data) {
  std::vector<std::vector<double>> times(steps.size());
  const double end = CpuTime() + 1e3 * seconds;
  while (CpuTime() < end || times[0].size() < 8) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const double begin = CpuTime();
      steps[i](data);
      times[i].push_back(CpuTime() - begin);
    }
  }
  std::vector<double> result;
  for (std::vector<double>& t : times) {
    std::sort(t.begin(), t.end());
    result.push_back(t[t.size() / 4]);
  }
  return result;
}

struct Case {
  Size size;
  Size target;
  Encoded jpeg;
  RgbImage image;
  RgbImage library_image;
};

void Run(Size size, double seconds) {
  Case c{size, ShorterSideTo(size, 512), EncodeJpeg(MakePhoto(size)), {}, {}};
  c.image = *DecodeImage(c.jpeg, {});
  const std::vector<double> ms =
      Measure(seconds,
              {[](void* p) {
                 Case& c = *static_cast<Case*>(p);
                 DecodeWithLibjpeg(c.jpeg, &c.library_image);
               },
               [](void* p) { (void)DecodeImage(static_cast<Case*>(p)->jpeg, {}); },
               [](void* p) {
                 Case& c = *static_cast<Case*>(p);
                 (void)DecodeAndResize(c.jpeg, {}, c.target);
               },
               [](void* p) {
                 Case& c = *static_cast<Case*>(p);
                 (void)ResizeBicubic(c.image, c.target);
               }},
              &c);
  std::printf(
      "{\"height\": %d, \"width\": %d, \"bytes\": %zu, \"library_ms\": %.3f, \"decode_ms\": %.3f, "
      "\"decode_resize_ms\": %.3f, \"resize_ms\": %.3f, \"ratio\": %.3f}\n",
      size.height, size.width, c.jpeg.size(), ms[0], ms[1], ms[2], ms[3], ms[0] / ms[2]);
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3.0;
  for (const radio::Size size : {radio::Size{600, 800}, {1080, 1920}, {3000, 4000}}) {
    radio::Run(size, seconds);
  }
}
