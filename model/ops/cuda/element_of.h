// LibTorch's element types as the kernels'.
#ifndef RADIO_MODEL_OPS_CUDA_ELEMENT_OF_H_
#define RADIO_MODEL_OPS_CUDA_ELEMENT_OF_H_

#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

// Throws c10::Error for types that no kernel takes.
inline Element ElementOf(at::ScalarType type) {
  switch (type) {
    case at::kByte:
      return Element::kUint8;
    case at::kHalf:
      return Element::kFloat16;
    case at::kBFloat16:
      return Element::kBfloat16;
    case at::kFloat:
      return Element::kFloat32;
    default:
      TORCH_CHECK(false, "no kernel for elements of ", type);
  }
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_ELEMENT_OF_H_
