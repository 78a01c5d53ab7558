// The five operators that exported modules call (docs/artefacts.md), and one of the engine's own,
// as plain functions for the CPU. register.cc puts them into the dispatcher under the namespace
// `radio`.
//
// All are thread-safe, block for the computation, use at::get_num_threads() threads and throw
// c10::Error on arguments that break their rules.
#ifndef RADIO_MODEL_OPS_OPERATORS_H_
#define RADIO_MODEL_OPS_OPERATORS_H_

#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace radio::ops {

// images[i]: [3, H_i, W_i] of any strides, uint8 (0..255) or a float type; H_i and W_i multiples of
// patch_size. mean, std: 3 float32 values. Returns [sum T_i, 3 * patch_size^2] in `dtype` (float32,
// bfloat16 or float16): patches in row-major order, each flattened as (channel, row, column).
// x / 255 for uint8, then (x - mean) / std in float32 unless conditioned[i].
at::Tensor Patchify(at::TensorList images, const c10::List<bool>& conditioned,
                    const at::Tensor& mean, const at::Tensor& std, int64_t patch_size,
                    at::ScalarType dtype);

// table: [R, C, D], a float type. Returns [sum heights[i] * widths[i], D] in its dtype. The native
// grid (R, C) is the table itself; any other is the top-left h x w crop of the table resized to
// m x m, m = max(h, w): bilinear, no antialiasing, in float32, as torch's upsample_bilinear2d. Only
// the crop is computed.
at::Tensor PositionEmbedding(const at::Tensor& table, at::IntArrayRef heights,
                             at::IntArrayRef widths, bool align_corners);

// Softmax attention of every token over its own segment. q, k, v: [T, heads, head_dim], strided
// views with unit stride in head_dim allowed; cu_seqlens: int32 [S + 1], 0 first, T last, not
// falling. max_seqlen is the longest segment (unused on the CPU). Returns [T, heads, head_dim],
// contiguous.
at::Tensor VarlenAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& cu_seqlens, int64_t max_seqlen, double scale);

// act(input weight^T + bias) + residual. input: [..., K]; weight: [N, K], plain or of PackWeight
// (bfloat16_linear.h); bias: [N]; residual: [..., N]; activation: "none" or "gelu" (exact). Returns
// [..., N]. On the CPU a row is the same bits whatever the others are, with a packed weight; with a
// plain one in float32 where MKL's products allow it (see linear.cc), else equal within rounding.
at::Tensor Linear(const at::Tensor& input, const at::Tensor& weight,
                  const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& residual,
                  std::string_view activation);

// residual [N, C] float32, contiguous: += addend [N, C] (float32 or bfloat16) in place, if there is
// one. Returns the layer norm of its rows, computed in float32, as `dtype` (float32 or bfloat16).
// weight, bias: float32 [C], contiguous. The residual stream of a bfloat16 model: in float32 the
// roundings of one layer do not reach the next.
at::Tensor AddLayerNorm(const at::Tensor& residual, const std::optional<at::Tensor>& addend,
                        const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                        at::ScalarType dtype);

// The answers to a batch in one slab of memory, to be copied at once: uint8 [bytes + segments], on
// the sources' device. The last bytes, one per segment, are 1 where a value written is infinite or
// NaN; bytes between segments may hold anything. plan: OutputSegments as AppendSegment puts them
// down. On the CPU the engine writes answers itself, with all threads: there this is what the CUDA
// kernel is compared with.
at::Tensor GatherOutputs(at::TensorList sources, at::IntArrayRef plan, int64_t bytes);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_OPERATORS_H_
