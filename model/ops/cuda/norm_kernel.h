// The steps of one thread of the kernel that adds and normalises rows: one block per row, the row
// in shared memory in between. A thread touches the same channels in every step; sums over the
// block come between the steps.
#ifndef RADIO_MODEL_OPS_CUDA_NORM_KERNEL_H_
#define RADIO_MODEL_OPS_CUDA_NORM_KERNEL_H_

#include "model/ops/cuda/element.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {

// Contiguous rows on the device. `residual` is float32; addend (null: none) and output are float32
// or bfloat16; weight and bias hold `channels` values.
struct NormRows {
  int64_t rows;
  int64_t channels;
  float* residual;
  const void* addend;
  Element addend_type;
  const float* weight;
  const float* bias;
  float epsilon;
  void* output;
  Element output_type;
};

// Adds to row `index` of the residual, keeps it in `row` [channels]. Returns the thread's share of
// its sum.
template <typename In>
RADIO_HOST_DEVICE float AddToRow(const NormRows& rows, int64_t index, unsigned thread, float* row) {
  float* residual = rows.residual + index * rows.channels;
  float sum = 0.0f;
  for (int64_t c = thread; c < rows.channels; c += kThreads) {
    float value = residual[c];
    if (rows.addend != nullptr) {
      value += Convert<In>::ToFloat(static_cast<const In*>(rows.addend)[index * rows.channels + c]);
      residual[c] = value;
    }
    row[c] = value;
    sum += value;
  }
  return sum;
}

// The thread's share of the row's squared distance from its mean.
RADIO_HOST_DEVICE inline float SquaredDistance(const NormRows& rows, unsigned thread, float mean,
                                               const float* row) {
  float sum = 0.0f;
  for (int64_t c = thread; c < rows.channels; c += kThreads) {
    sum += (row[c] - mean) * (row[c] - mean);
  }
  return sum;
}

// scale: 1 / standard deviation.
template <typename Out>
RADIO_HOST_DEVICE void WriteNorm(const NormRows& rows, int64_t index, unsigned thread, float mean,
                                 float scale, const float* row) {
  Out* output = static_cast<Out*>(rows.output) + index * rows.channels;
  for (int64_t c = thread; c < rows.channels; c += kThreads) {
    output[c] = Convert<Out>::FromFloat((row[c] - mean) * scale * rows.weight[c] + rows.bias[c]);
  }
}

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_NORM_KERNEL_H_
