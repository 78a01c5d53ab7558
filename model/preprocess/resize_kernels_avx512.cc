#include "model/preprocess/resize_kernels.h"

#ifdef __x86_64__
#include "model/preprocess/resize_avx512.h"

namespace radio {

const ResizeKernels* Avx512Kernels() {
  static constexpr ResizeKernels kKernels = {avx512::kRowsPerBand, avx512::kRowsPerBand,
                                             &avx512::MakeHorizontalPass,
                                             &avx512::MakeVerticalPass};
  const bool supported = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                         __builtin_cpu_supports("avx512vl") &&
                         __builtin_cpu_supports("avx512vnni") &&
                         __builtin_cpu_supports("avx512vbmi");
  return supported ? &kKernels : nullptr;
}

}  // namespace radio

#else

namespace radio {

const ResizeKernels* Avx512Kernels() { return nullptr; }

}  // namespace radio

#endif
