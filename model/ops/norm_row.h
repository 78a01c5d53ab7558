// One row of the residual stream: add what a layer gave, and normalise.
#ifndef RADIO_MODEL_OPS_NORM_ROW_H_
#define RADIO_MODEL_OPS_NORM_ROW_H_

#include <cstdint>

namespace radio::ops {

// weight, bias: [channels].
struct LayerNorm {
  const float* weight;
  const float* bias;
  int64_t channels;
  float epsilon;
};

// residual [channels] += addend [channels], unless that is null; then writes the layer norm of
// `residual`, computed in float32, to `output` [channels]. uint16_t holds bfloat16 bits.
void AddNormRow(const LayerNorm& norm, float* residual, const float* addend, float* output);
void AddNormRow(const LayerNorm& norm, float* residual, const float* addend, uint16_t* output);
void AddNormRow(const LayerNorm& norm, float* residual, const uint16_t* addend, float* output);
void AddNormRow(const LayerNorm& norm, float* residual, const uint16_t* addend, uint16_t* output);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_NORM_ROW_H_
