#include "model/preprocess/orientation.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace radio {
namespace {

constexpr ptrdiff_t kChannels = 3;
// Pixels per side of the blocks in which rows become columns; source and target both stay cached.
constexpr int kBlock = 32;

// Where an upright pixel comes from: source byte = first + y * row_step + x * column_step.
struct Walk {
  ptrdiff_t first = 0;
  ptrdiff_t row_step = 0;
  ptrdiff_t column_step = 0;
};

Walk WalkOf(Size stored, int orientation) {
  const ptrdiff_t right = kChannels;
  const ptrdiff_t down = kChannels * stored.width;
  const ptrdiff_t last_column = right * (stored.width - 1);
  const ptrdiff_t last_row = down * (stored.height - 1);
  switch (orientation) {
    case 2:
      return {last_column, down, -right};
    case 3:
      return {last_row + last_column, -down, -right};
    case 4:
      return {last_row, -down, right};
    case 5:
      return {0, right, down};
    case 6:
      return {last_row, right, -down};
    case 7:
      return {last_row + last_column, -right, -down};
    case 8:
      return {last_column, -right, down};
    default:
      return {0, down, right};
  }
}

}  // namespace

Size UprightSize(Size stored, int orientation) {
  return orientation >= 5 ? Size{stored.width, stored.height} : stored;
}

RgbImage ApplyOrientation(RgbImage image, int orientation) {
  if (orientation == 1) return image;
  const Size size = UprightSize(image.size, orientation);
  const Walk walk = WalkOf(image.size, orientation);
  RgbImage upright{size, std::vector<uint8_t>(image.pixels.size())};
  for (int top = 0; top < size.height; top += kBlock) {
    const int bottom = std::min(top + kBlock, size.height);
    for (int left = 0; left < size.width; left += kBlock) {
      const int end = std::min(left + kBlock, size.width);
      for (int y = top; y < bottom; ++y) {
        const uint8_t* from =
            image.pixels.data() + walk.first + y * walk.row_step + left * walk.column_step;
        uint8_t* to = upright.pixels.data() + (ptrdiff_t{y} * size.width + left) * kChannels;
        for (int x = left; x < end; ++x, from += walk.column_step, to += kChannels) {
          std::copy_n(from, kChannels, to);
        }
      }
    }
  }
  return upright;
}

}  // namespace radio
