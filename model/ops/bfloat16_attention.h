// Attention in bfloat16 over packed segments, for processors with AVX512_BF16, where LibTorch's own
// kernel leaves half of the multipliers idle, or AMX, where it compiles kernels for every length.
#ifndef RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_
#define RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/ops/block_product.h"

namespace radio::ops {

struct Segment {
  int64_t begin;
  int64_t length;
};

// Softmax attention of every token over its own segment. q, k, v: bfloat16 [T, heads, head_dim],
// strided with unit stride in head_dim; output: the same, contiguous. Products are
// taken in bfloat16 and summed in float32, the softmax is float32. NaN reaches all tokens of its
// segment and no other. A token's bits do not depend on other segments.
void Bfloat16Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, double scale, const BlockUnit& unit,
                       const at::Tensor& output);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_
