// Vectors of 16 floats for the row kernels, which are compiled once per instruction set.
//
// For .cc files of their own (built with -Wno-psabi): vectors wider than the baseline's must not be
// passed between files.
#ifndef RADIO_MODEL_OPS_VECTOR_H_
#define RADIO_MODEL_OPS_VECTOR_H_

#include <cstdint>
#include <cstring>

// Before a function: the loader takes the best version that the processor has. What the function
// calls must be inlined into it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RADIO_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RADIO_VECTOR_CLONES
#endif
#define RADIO_VECTOR_INLINE __attribute__((always_inline)) inline

namespace radio::ops {

inline constexpr int kLanes = 16;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));
using Shorts = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));

RADIO_VECTOR_INLINE Floats Load(const float* source) {
  Floats values;
  std::memcpy(&values, source, sizeof(values));
  return values;
}

// From bfloat16 bits.
RADIO_VECTOR_INLINE Floats Load(const uint16_t* source) {
  Shorts narrow;
  std::memcpy(&narrow, source, sizeof(narrow));
  const Ints bits = __builtin_convertvector(narrow, Ints) << 16;
  Floats values;
  std::memcpy(&values, &bits, sizeof(values));
  return values;
}

RADIO_VECTOR_INLINE void Store(const Floats& values, float* target) {
  std::memcpy(target, &values, sizeof(values));
}

// To bfloat16 bits: nearest, ties to even; NaN keeps its quiet bit, which lies above those that go.
RADIO_VECTOR_INLINE void Store(const Floats& values, uint16_t* target) {
  Ints bits;
  std::memcpy(&bits, &values, sizeof(bits));
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Shorts rounded = __builtin_convertvector(bits, Shorts);
  std::memcpy(target, &rounded, sizeof(rounded));
}

RADIO_VECTOR_INLINE float Sum(const Floats& values) {
  float sum = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) sum += values[lane];
  return sum;
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_VECTOR_H_
