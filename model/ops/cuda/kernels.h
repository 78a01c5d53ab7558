// The project's own CUDA kernels, without LibTorch: compiled by nvcc, called by the operators. What
// their threads do is in the headers *_kernel.h, which the host compiles too and tests.
//
// All are asynchronous on `stream`.
#ifndef RADIO_MODEL_OPS_CUDA_KERNELS_H_
#define RADIO_MODEL_OPS_CUDA_KERNELS_H_

#include <cuda_runtime_api.h>

#include "model/ops/cuda/epilogue_kernel.h"
#include "model/ops/cuda/gather_kernel.h"
#include "model/ops/cuda/norm_kernel.h"
#include "model/ops/cuda/patchify_kernel.h"
#include "model/ops/cuda/position_kernel.h"

namespace radio::ops::cuda {

// Writes [grid_height * grid_width, 3 * patch_size^2] to `output` (a float type), as
// ops::Patchify. mean, std: 3 values on the device.
cudaError_t LaunchPatchify(const PatchifyImage& image, int64_t patch_size, const float* mean,
                           const float* std, Element output_type, void* output,
                           cudaStream_t stream);

// Writes [height * width, channels] in the table's type to `output`, as ops::PositionEmbedding for
// one grid.
cudaError_t LaunchPositionEmbedding(const PositionTable& table, int64_t height, int64_t width,
                                    bool align_corners, void* output, cudaStream_t stream);

// As ops::AddLayerNorm. A row must fit a block's shared memory: at most kMaxNormChannels channels.
inline constexpr int64_t kMaxNormChannels = 8192;
cudaError_t LaunchAddLayerNorm(const NormRows& rows, cudaStream_t stream);

// What ops::Linear adds to its product.
cudaError_t LaunchLinearEpilogue(const LinearEpilogue& epilogue, cudaStream_t stream);

// All on the device. flags: one byte per segment.
struct GatherPlan {
  const GatherSegment* segments;
  int64_t count;
  uint8_t* slab;
  uint8_t* flags;
};

// As ops::GatherOutputs. tiles: of all segments.
cudaError_t LaunchGather(const GatherPlan& plan, int64_t tiles, cudaStream_t stream);

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_KERNELS_H_
