// Functions that CUDA kernels share with the host: with the CPU operators, or with host tests.
#ifndef RADIO_MODEL_OPS_HOST_DEVICE_H_
#define RADIO_MODEL_OPS_HOST_DEVICE_H_

#ifdef __CUDACC__
#define RADIO_HOST_DEVICE __host__ __device__
#else
#define RADIO_HOST_DEVICE
#endif

#endif  // RADIO_MODEL_OPS_HOST_DEVICE_H_
