// Element types of the kernels, and their way to float and back.
#ifndef RADIO_MODEL_OPS_CUDA_ELEMENT_H_
#define RADIO_MODEL_OPS_CUDA_ELEMENT_H_

#include <cstdint>

#include "model/ops/host_device.h"

namespace radio::ops::cuda {

enum class Element { kUint8, kFloat16, kBfloat16, kFloat32 };

// ToFloat(T) and, for float types, FromFloat(float): nearest, ties to even. The half types, which
// only nvcc knows, are in device_element.h.
template <typename T>
struct Convert;

template <>
struct Convert<float> {
  RADIO_HOST_DEVICE static float ToFloat(float value) { return value; }
  RADIO_HOST_DEVICE static float FromFloat(float value) { return value; }
};

// A pixel: 0..255 is [0, 1].
template <>
struct Convert<uint8_t> {
  RADIO_HOST_DEVICE static float ToFloat(uint8_t value) {
    return static_cast<float>(value) / 255.0f;
  }
};

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_ELEMENT_H_
