// The half types as elements; for files that nvcc compiles.
#ifndef RADIO_MODEL_OPS_CUDA_DEVICE_ELEMENT_H_
#define RADIO_MODEL_OPS_CUDA_DEVICE_ELEMENT_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

template <>
struct Convert<__half> {
  RADIO_HOST_DEVICE static float ToFloat(__half value) { return __half2float(value); }
  RADIO_HOST_DEVICE static __half FromFloat(float value) { return __float2half_rn(value); }
};

template <>
struct Convert<__nv_bfloat16> {
  RADIO_HOST_DEVICE static float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }
  RADIO_HOST_DEVICE static __nv_bfloat16 FromFloat(float value) {
    return __float2bfloat16_rn(value);
  }
};

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_DEVICE_ELEMENT_H_
