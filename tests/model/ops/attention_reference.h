// Attention written out in double precision, one value at a time.
#ifndef RADIO_TESTS_MODEL_OPS_ATTENTION_REFERENCE_H_
#define RADIO_TESTS_MODEL_OPS_ATTENTION_REFERENCE_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace radio::ops {

inline constexpr double kScale = 0.3;

struct Qkv {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

// Three strided views of one [T, 3, heads, head_dim] tensor, as a model has them.
Qkv RandomQkv(int64_t tokens, int64_t heads, int64_t head_dim, at::ScalarType type = at::kFloat);

// Largest difference of `actual` to attention with kScale over the segments [offsets[s],
// offsets[s + 1]).
double Distance(const at::Tensor& actual, const Qkv& in, const std::vector<int>& offsets);

}  // namespace radio::ops

#endif  // RADIO_TESTS_MODEL_OPS_ATTENTION_REFERENCE_H_
