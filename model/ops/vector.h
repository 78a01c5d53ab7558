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

// Before a function that is only called where HasBfloat16Units() and may pass kByUnit.
#ifdef __x86_64__
#define RADIO_BFLOAT16_UNITS __attribute__((target("avx512f,avx512bf16")))
#else
#define RADIO_BFLOAT16_UNITS
#endif

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

// Store; by the unit in one instruction, which the compiler has no name for outside of functions
// that may use it: by shifts and sums the rounding takes as long as an exponential.
template <bool kByUnit>
RADIO_VECTOR_INLINE void StoreBits(const Floats& values, uint16_t* target) {
#ifdef __x86_64__
  if (kByUnit) {
    Shorts rounded;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(rounded) : "v"(values));
    std::memcpy(target, &rounded, sizeof(rounded));
    return;
  }
#endif
  Store(values, target);
}

// Two after each other, by the unit in the time of one.
template <bool kByUnit>
RADIO_VECTOR_INLINE void StoreBits(const Floats& first, const Floats& second, uint16_t* target) {
#ifdef __x86_64__
  if (kByUnit) {
    Floats rounded;
    __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(rounded) : "v"(first), "v"(second));
    std::memcpy(target, &rounded, sizeof(rounded));
    return;
  }
#endif
  Store(first, target);
  Store(second, target + kLanes);
}

// Eight lanes from lane kFirst on, then any.
template <int kFirst>
RADIO_VECTOR_INLINE Floats LanesFrom(const Floats& v) {
  return __builtin_shufflevector(v, v, kFirst, kFirst + 1, kFirst + 2, kFirst + 3, kFirst + 4,
                                 kFirst + 5, kFirst + 6, kFirst + 7, -1, -1, -1, -1, -1, -1, -1,
                                 -1);
}

// combine(combine(lane, lane), ...), in halves: one after the other, each would wait for the one
// before.
template <typename Combine>
RADIO_VECTOR_INLINE float Reduce(const Floats& values, const Combine& combine) {
  const Floats eight = combine(values, LanesFrom<8>(values));
  const Floats four = combine(eight, LanesFrom<4>(eight));
  const Floats two = combine(four, LanesFrom<2>(four));
  return combine(two, LanesFrom<1>(two))[0];
}

RADIO_VECTOR_INLINE float Sum(const Floats& values) {
  return Reduce(values, [](const Floats& a, const Floats& b) { return a + b; });
}

RADIO_VECTOR_INLINE float Max(const Floats& values) {
  return Reduce(values, [](const Floats& a, const Floats& b) { return b > a ? b : a; });
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_VECTOR_H_
