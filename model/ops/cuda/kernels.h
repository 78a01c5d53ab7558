// The project's own CUDA kernels, without LibTorch: compiled by nvcc, called by register.cc.
#ifndef RADIO_MODEL_OPS_CUDA_KERNELS_H_
#define RADIO_MODEL_OPS_CUDA_KERNELS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace radio::ops::cuda {

enum class Element { kUint8, kFloat16, kBfloat16, kFloat32 };

// One image to cut into patches. All pointers are to device memory; strides in elements.
struct PatchifyImage {
  const void* pixels;
  Element type;
  int64_t channel_stride;
  int64_t row_stride;
  int64_t column_stride;
  int64_t grid_height;
  int64_t grid_width;
  bool conditioned;
};

// Writes [grid_height * grid_width, 3 * patch_size^2] to `output` (a float type), as
// ops::Patchify. mean, std: 3 values on the device. Asynchronous on `stream`.
cudaError_t LaunchPatchify(const PatchifyImage& image, int64_t patch_size, const float* mean,
                           const float* std, Element output_type, void* output,
                           cudaStream_t stream);

// A position table [rows, columns, channels] of a float type, contiguous on the device.
struct PositionTable {
  const void* values;
  Element type;
  int64_t rows;
  int64_t columns;
  int64_t channels;
};

// Writes [height * width, channels] in the table's type to `output`, as ops::PositionEmbedding for
// one grid. Asynchronous on `stream`.
cudaError_t LaunchPositionEmbedding(const PositionTable& table, int64_t height, int64_t width,
                                    bool align_corners, void* output, cudaStream_t stream);

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

// As ops::AddLayerNorm. A row must fit a block's shared memory: at most kMaxNormChannels channels.
// Asynchronous on `stream`.
inline constexpr int64_t kMaxNormChannels = 8192;
cudaError_t LaunchAddLayerNorm(const NormRows& rows, cudaStream_t stream);

}  // namespace radio::ops::cuda

#endif  // RADIO_MODEL_OPS_CUDA_KERNELS_H_
