// Where an index of a resized row falls in its source, by the rules of torch's upsample_bilinear2d.
#ifndef RADIO_MODEL_OPS_BILINEAR_TAP_H_
#define RADIO_MODEL_OPS_BILINEAR_TAP_H_

#include <cstdint>

#include "model/ops/host_device.h"

namespace radio::ops {

// The result is (1 - high_weight) * source[low] + high_weight * source[high].
struct Tap {
  int64_t low;
  int64_t high;
  float high_weight;
};

// index < target_size; both sizes are positive.
RADIO_HOST_DEVICE inline Tap TapOf(int64_t index, int64_t source_size, int64_t target_size,
                                   bool align_corners) {
  float position = 0.0f;
  if (align_corners) {
    const float scale =
        target_size > 1 ? static_cast<float>(source_size - 1) / static_cast<float>(target_size - 1)
                        : 0.0f;
    position = scale * static_cast<float>(index);
  } else {
    const float scale = static_cast<float>(source_size) / static_cast<float>(target_size);
    position = scale * (static_cast<float>(index) + 0.5f) - 0.5f;
    position = position > 0.0f ? position : 0.0f;
  }
  const int64_t last = source_size - 1;
  const int64_t floor = static_cast<int64_t>(position);
  const int64_t low = floor < last ? floor : last;
  const float weight = position - static_cast<float>(low);
  return {low, low < last ? low + 1 : last, weight < 1.0f ? weight : 1.0f};
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_BILINEAR_TAP_H_
