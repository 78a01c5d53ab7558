// The operators of the namespace `radio` on CUDA: the project's own kernels for patches, positions,
// norms, answers and what follows a product, LibTorch's for products and attention. Argument rules
// are those of model/ops/operators.h; contents of cu_seqlens are not checked, since reading them
// back would stop the device at every block.
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "model/ops/cuda/attention_choice.h"
#include "model/ops/cuda/element_of.h"
#include "model/ops/cuda/kernels.h"
#include "model/ops/cuda/operators.h"
#include "model/ops/norm_rules.h"

namespace radio::ops::cuda {
namespace {

PatchifyImage Describe(const at::Tensor& image, bool conditioned, int64_t patch_size) {
  TORCH_CHECK(image.dim() == 3 && image.size(0) == 3 && image.size(1) > 0 &&
                  image.size(1) % patch_size == 0 && image.size(2) > 0 &&
                  image.size(2) % patch_size == 0,
              "patchify: an image must be [3, H, W] with sides that are multiples of ", patch_size,
              ", got ", image.sizes());
  return {image.const_data_ptr(),
          ElementOf(image.scalar_type()),
          image.stride(0),
          image.stride(1),
          image.stride(2),
          image.size(1) / patch_size,
          image.size(2) / patch_size,
          conditioned};
}

at::Tensor Patchify(at::TensorList images, const c10::List<bool>& conditioned,
                    const at::Tensor& mean, const at::Tensor& std, int64_t patch_size,
                    at::ScalarType dtype) {
  TORCH_CHECK(!images.empty() && conditioned.size() == images.size() && patch_size > 0,
              "patchify: needs images, one conditioned flag each and a positive patch_size");
  for (const at::Tensor& values : {mean, std}) {
    TORCH_CHECK(values.is_cuda() && values.scalar_type() == at::kFloat && values.numel() == 3 &&
                    values.is_contiguous(),
                "patchify: mean and std must be 3 float32 values each, on the images' device");
  }
  const c10::cuda::CUDAGuard guard(images[0].device());
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  std::vector<PatchifyImage> described;
  int64_t patches = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    described.push_back(Describe(images[i], conditioned[i], patch_size));
    patches += described[i].grid_height * described[i].grid_width;
  }
  const int64_t row = 3 * patch_size * patch_size;
  at::Tensor output = at::empty({patches, row}, images[0].options().dtype(dtype));
  char* out = static_cast<char*>(output.mutable_data_ptr());
  for (const PatchifyImage& image : described) {
    C10_CUDA_CHECK(LaunchPatchify(image, patch_size, mean.const_data_ptr<float>(),
                                  std.const_data_ptr<float>(), ElementOf(dtype), out, stream));
    out += image.grid_height * image.grid_width * row * output.element_size();
  }
  return output;
}

at::Tensor PositionEmbedding(const at::Tensor& table, at::IntArrayRef heights,
                             at::IntArrayRef widths, bool align_corners) {
  TORCH_CHECK(table.dim() == 3 && heights.size() == widths.size(),
              "position_embedding: needs a table [R, C, D] and as many heights as widths");
  const c10::cuda::CUDAGuard guard(table.device());
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  const at::Tensor contiguous = table.contiguous();
  const PositionTable source = {contiguous.const_data_ptr(), ElementOf(table.scalar_type()),
                                table.size(0), table.size(1), table.size(2)};
  int64_t tokens = 0;
  for (size_t i = 0; i < heights.size(); ++i) {
    TORCH_CHECK(heights[i] > 0 && widths[i] > 0, "position_embedding: grid ", i, " is ", heights[i],
                " x ", widths[i], "; both sides must be positive");
    tokens += heights[i] * widths[i];
  }
  at::Tensor output = at::empty({tokens, table.size(2)}, table.options());
  char* out = static_cast<char*>(output.mutable_data_ptr());
  for (size_t i = 0; i < heights.size(); ++i) {
    C10_CUDA_CHECK(
        LaunchPositionEmbedding(source, heights[i], widths[i], align_corners, out, stream));
    out += heights[i] * widths[i] * table.size(2) * output.element_size();
  }
  return output;
}

int CapabilityMajor(c10::Device device) {
  int major = 0;
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device.index()));
  return major;
}

at::Tensor VarlenAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& cu_seqlens, int64_t max_seqlen, double scale) {
  TORCH_CHECK(q.dim() == 3 && k.sizes() == q.sizes() && v.sizes() == q.sizes(),
              "varlen_attention: q, k and v must be [T, heads, head_dim] of one shape");
  TORCH_CHECK(cu_seqlens.is_cuda() && cu_seqlens.scalar_type() == at::kInt,
              "varlen_attention: cu_seqlens must be int32 on the device");
  const c10::cuda::CUDAGuard guard(q.device());
  if (FlashTakes(ElementOf(q.scalar_type()), q.size(2), CapabilityMajor(q.device()))) {
    return std::get<0>(at::_flash_attention_forward(q, k, v, cu_seqlens, cu_seqlens, max_seqlen,
                                                    max_seqlen, /*dropout_p=*/0.0,
                                                    /*is_causal=*/false,
                                                    /*return_debug_mask=*/false, scale))
        .contiguous();
  }
  return std::get<0>(at::_efficient_attention_forward(
                         q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), /*bias=*/{}, cu_seqlens,
                         cu_seqlens, max_seqlen, max_seqlen, /*dropout_p=*/0.0,
                         /*custom_mask_type=*/0, /*compute_log_sumexp=*/false, scale))
      .squeeze(0)
      .contiguous();
}

at::Tensor AddLayerNorm(const at::Tensor& residual, const std::optional<at::Tensor>& addend,
                        const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                        at::ScalarType dtype) {
  CheckAddLayerNorm(residual, addend, weight, bias, dtype);
  TORCH_CHECK(residual.size(1) <= kMaxNormChannels, "add_layer_norm_: at most ", kMaxNormChannels,
              " channels, got ", residual.size(1));
  const c10::cuda::CUDAGuard guard(residual.device());
  at::Tensor output = at::empty(residual.sizes(), residual.options().dtype(dtype));
  NormRows rows = {residual.size(0),
                   residual.size(1),
                   residual.mutable_data_ptr<float>(),
                   /*addend=*/nullptr,
                   Element::kFloat32,
                   weight.const_data_ptr<float>(),
                   bias.const_data_ptr<float>(),
                   static_cast<float>(epsilon),
                   output.mutable_data_ptr(),
                   ElementOf(dtype)};
  at::Tensor contiguous;
  if (addend.has_value()) {
    contiguous = addend->contiguous();
    rows.addend = contiguous.const_data_ptr();
    rows.addend_type = ElementOf(contiguous.scalar_type());
  }
  C10_CUDA_CHECK(LaunchAddLayerNorm(rows, c10::cuda::getCurrentCUDAStream()));
  return output;
}

TORCH_LIBRARY_IMPL(radio, CUDA, m) {
  m.impl("patchify", &Patchify);
  m.impl("position_embedding", &PositionEmbedding);
  m.impl("varlen_attention", &VarlenAttention);
  m.impl("linear", &Linear);
  m.impl("add_layer_norm_", &AddLayerNorm);
  m.impl("gather_outputs", &GatherOutputs);
}

}  // namespace
}  // namespace radio::ops::cuda

// "NVIDIA H100", or an empty string when there is no such device. For the engine, which links no
// CUDA; the result lives until the next call on the same thread.
extern "C" const char* radio_cuda_device_name(int device) {
  static thread_local cudaDeviceProp properties;
  return cudaGetDeviceProperties(&properties, device) == cudaSuccess ? properties.name : "";
}
