// What this processor can do, beyond what LibTorch's own dispatch looks at.
#ifndef RADIO_MODEL_OPS_CPU_FEATURES_H_
#define RADIO_MODEL_OPS_CPU_FEATURES_H_

namespace radio::ops {

// Whether bfloat16 products are instructions: AVX512_BF16, which every AMX processor has too, and
// no processor without AVX512DQ. Without them LibTorch emulates bfloat16 matrix products, about six
// times slower than float32.
inline bool HasBfloat16Units() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return true;
#endif
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_CPU_FEATURES_H_
