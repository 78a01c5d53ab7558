// What one thread of the kernel after a linear's product does.
#ifndef RADIO_MODEL_OPS_CUDA_EPILOGUE_KERNEL_H_
#define RADIO_MODEL_OPS_CUDA_EPILOGUE_KERNEL_H_

#include <cmath>
#include <cstdint>

#include "model/ops/cuda/element.h"

namespace radio::ops::cuda {

// values = act(values + bias) + residual, in place, computed in float32 and rounded once. All of
// one float type, contiguous on the device.
struct LinearEpilogue {
  // [count / columns, columns], as `residual`; bias: [columns]. The last two may be null.
  void* values;
  const void* bias;
  const void* residual;
  Element type;
  int64_t count;
  int64_t columns;
  // Exact (erf); else act is the identity.
  bool gelu;
};

inline constexpr int kVectorBytes = 16;

// Elements that a thread reads and writes at once: 16 bytes of them where all rows consist of such
// vectors and all memory is aligned for them, else 1.
inline int VectorWidth(const LinearEpilogue& epilogue, int element_size) {
  const int width = kVectorBytes / element_size;
  const auto aligned = [](const void* memory) {
    return reinterpret_cast<uintptr_t>(memory) % kVectorBytes == 0;
  };
  return epilogue.columns % width == 0 && aligned(epilogue.values) && aligned(epilogue.bias) &&
                 aligned(epilogue.residual)
             ? width
             : 1;
}

template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Vector {
  T elements[kWidth];
};

// 0 without memory.
template <typename T, int kWidth>
RADIO_HOST_DEVICE Vector<float, kWidth> LoadVector(const void* memory, int64_t first) {
  Vector<float, kWidth> values = {};
  if (memory == nullptr) return values;
  const auto loaded =
      *reinterpret_cast<const Vector<T, kWidth>*>(static_cast<const T*>(memory) + first);
  for (int k = 0; k < kWidth; ++k) values.elements[k] = Convert<T>::ToFloat(loaded.elements[k]);
  return values;
}

RADIO_HOST_DEVICE inline float Gelu(float x) {
  constexpr float kSqrtHalf = 0.70710678f;
  return 0.5f * x * (1.0f + erff(x * kSqrtHalf));
}

// The `item`-th vector of `values`.
template <typename T, int kWidth>
RADIO_HOST_DEVICE void ApplyEpilogue(const LinearEpilogue& epilogue, int64_t item) {
  const int64_t first = item * kWidth;
  if (first >= epilogue.count) return;
  T* target = static_cast<T*>(epilogue.values) + first;
  const auto values = LoadVector<T, kWidth>(epilogue.values, first);
  const auto bias = LoadVector<T, kWidth>(epilogue.bias, first % epilogue.columns);
  const auto residual = LoadVector<T, kWidth>(epilogue.residual, first);
  Vector<T, kWidth> results = *reinterpret_cast<const Vector<T, kWidth>*>(target);
  for (int k = 0; k < kWidth; ++k) {
    const float sum = values.elements[k] + bias.elements[k];
    results.elements[k] =
        Convert<T>::FromFloat((epilogue.gelu ? Gelu(sum) : sum) + residual.elements[k]);
  }
  *reinterpret_cast<Vector<T, kWidth>*>(target) = results;
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_EPILOGUE_KERNEL_H_
