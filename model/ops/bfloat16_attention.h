// Attention in bfloat16 over packed segments, for processors with AVX512_BF16, where LibTorch's own
// kernel leaves half of the multipliers idle, or AMX, where it compiles kernels for every length.
#ifndef RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_
#define RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace radio::ops {

struct Segment {
  int64_t begin;
  int64_t length;
};

// C [M, N] = A [M, K] B, or C + A B when `add`. A and C are row-major with `lda` and `ldc` elements
// per row; B holds pairs: element (k, n) is B[(k / 2) * ldb * 2 + n * 2 + k % 2]. K is even.
using PairProduct = void (*)(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                             bool add, const c10::BFloat16* a, const c10::BFloat16* b, float* c);

// LibTorch's batch-reduce product; needs a processor with bfloat16 units.
void BrgemmProduct(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
                   const c10::BFloat16* a, const c10::BFloat16* b, float* c);

// Softmax attention of every token over its own segment. q, k, v: bfloat16 [T, heads, head_dim],
// strided with unit stride in head_dim, which is even; output: the same, contiguous. Products are
// taken in bfloat16 and summed in float32, the softmax is float32. NaN reaches all tokens of its
// segment and no other. Called with few shapes only, whatever the lengths: `product` may keep one
// kernel per shape.
void Bfloat16Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, double scale, PairProduct product,
                       const at::Tensor& output);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_BFLOAT16_ATTENTION_H_
