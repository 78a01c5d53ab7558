// at::parallel_for, as threads.
#ifndef RADIO_MODEL_OPS_PARALLEL_H_
#define RADIO_MODEL_OPS_PARALLEL_H_

// A template in a header of LibTorch's, which runs its body on the calling thread alone, without a
// word, where the compiler is not told to use OpenMP.
#ifndef _OPENMP
#error "at::parallel_for is serial without -fopenmp: add OPENMP_COPTS to the target"
#endif

#include <ATen/Parallel.h>  // IWYU pragma: export

#endif  // RADIO_MODEL_OPS_PARALLEL_H_
