// Which of LibTorch's attention kernels for packed segments takes what.
#ifndef RADIO_MODEL_OPS_CUDA_ATTENTION_CHOICE_H_
#define RADIO_MODEL_OPS_CUDA_ATTENTION_CHOICE_H_

#include <cstdint>

#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

// FlashAttention-2 takes half precision, heads of up to 256 channels in eights, and devices from
// compute capability 8.0 (A100) on. The memory-efficient kernel takes the rest: float32, and half
// precision on a T4 (there bfloat16 is refused, by it and by the products).
inline bool FlashTakes(Element type, int64_t head_channels, int capability_major) {
  return type != Element::kFloat32 && capability_major >= 8 && head_channels <= 256 &&
         head_channels % 8 == 0;
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_ATTENTION_CHOICE_H_
