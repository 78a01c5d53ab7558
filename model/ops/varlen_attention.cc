#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/empty.h>

#include <vector>

#include "model/ops/bfloat16_attention.h"
#include "model/ops/operators.h"

namespace radio::ops {
namespace {

// `count` neighbouring segments of `length` tokens each, from token `begin` on.
struct Run {
  int64_t begin;
  int64_t count;
  int64_t length;
};

// Neighbours of equal length go to the kernel in one call. Empty segments are left out.
std::vector<Run> FindRuns(const at::Tensor& cu_seqlens, int64_t tokens) {
  const at::Tensor contiguous = cu_seqlens.contiguous();
  const int32_t* offsets = contiguous.const_data_ptr<int32_t>();
  const int64_t segments = contiguous.numel() - 1;
  TORCH_CHECK(offsets[0] == 0 && offsets[segments] == tokens,
              "varlen_attention: cu_seqlens must run from 0 to ", tokens, ", got ", offsets[0],
              " to ", offsets[segments]);
  std::vector<Run> runs;
  for (int64_t i = 0; i < segments; ++i) {
    const int64_t length = int64_t{offsets[i + 1]} - offsets[i];
    TORCH_CHECK(length >= 0, "varlen_attention: cu_seqlens falls from ", offsets[i], " to ",
                offsets[i + 1], " at segment ", i);
    if (length == 0) continue;
    if (!runs.empty() && runs.back().length == length) {
      ++runs.back().count;
    } else {
      runs.push_back({offsets[i], 1, length});
    }
  }
  return runs;
}

std::vector<Segment> SegmentsOf(const std::vector<Run>& runs) {
  std::vector<Segment> segments;
  for (const Run& run : runs) {
    for (int64_t i = 0; i < run.count; ++i) {
      segments.push_back({run.begin + i * run.length, run.length});
    }
  }
  return segments;
}

// [T, heads, head_dim] -> [count, heads, length, head_dim], a view.
at::Tensor View(const at::Tensor& tensor, const Run& run) {
  return tensor.as_strided(
      {run.count, tensor.size(1), run.length, tensor.size(2)},
      {run.length * tensor.stride(0), tensor.stride(1), tensor.stride(0), tensor.stride(2)},
      tensor.storage_offset() + run.begin * tensor.stride(0));
}

void CheckArguments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const at::Tensor& cu_seqlens) {
  TORCH_CHECK(q.dim() == 3, "varlen_attention: q must be [T, heads, head_dim], got ", q.sizes());
  TORCH_CHECK(k.sizes() == q.sizes() && v.sizes() == q.sizes(),
              "varlen_attention: q, k and v must have one shape, got ", q.sizes(), ", ", k.sizes(),
              " and ", v.sizes());
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(),
              "varlen_attention: q, k and v must have one dtype, got ", q.scalar_type(), ", ",
              k.scalar_type(), " and ", v.scalar_type());
  TORCH_CHECK(
      cu_seqlens.dim() == 1 && cu_seqlens.numel() >= 2 && cu_seqlens.scalar_type() == at::kInt,
      "varlen_attention: cu_seqlens must be int32 [segments + 1], got ", cu_seqlens.sizes(), " ",
      cu_seqlens.scalar_type());
}

// LibTorch's kernel.
void AttendRuns(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const std::vector<Run>& runs, double scale, const at::Tensor& output) {
  for (const Run& run : runs) {
    const at::Tensor attended = std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
        View(q, run), View(k, run), View(v, run), /*dropout_p=*/0.0, /*is_causal=*/false,
        /*attn_mask=*/{}, scale));
    View(output, run).copy_(attended);
  }
}

// The project's kernel is for processors with bfloat16 products. Where they have AMX, LibTorch's
// own packs for the units too, but compiles kernels for every length that it meets.
bool UseOwnKernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (q.scalar_type() != at::kBFloat16) return false;
  if (q.stride(2) != 1 || k.stride(2) != 1 || v.stride(2) != 1) return false;
  return HasBlockUnit();
}

}  // namespace

at::Tensor VarlenAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& cu_seqlens, int64_t /*max_seqlen*/, double scale) {
  CheckArguments(q, k, v, cu_seqlens);
  const std::vector<Run> runs = FindRuns(cu_seqlens, q.size(0));
  at::Tensor output = at::empty(q.sizes(), q.options());
  if (UseOwnKernel(q, k, v)) {
    Bfloat16Attention(q, k, v, SegmentsOf(runs), scale, BestBlockUnit(), output);
  } else {
    AttendRuns(q, k, v, runs, scale, output);
  }
  return output;
}

}  // namespace radio::ops
