#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "model/ops/cuda/kernels.h"

namespace radio::ops::cuda {
namespace {

constexpr int kThreads = 256;

__device__ float ToFloat(uint8_t value) { return static_cast<float>(value) / 255.0f; }
__device__ float ToFloat(float value) { return value; }
__device__ float ToFloat(__half value) { return __half2float(value); }
__device__ float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ void Store(float value, float* target) { *target = value; }
__device__ void Store(float value, __half* target) { *target = __float2half_rn(value); }
__device__ void Store(float value, __nv_bfloat16* target) { *target = __float2bfloat16_rn(value); }

// One thread per value of the result: neighbours write neighbours.
template <typename In, typename Out>
__global__ void PatchifyKernel(PatchifyImage image, int64_t patch_size, const float* mean,
                               const float* std, Out* output) {
  const int64_t area = patch_size * patch_size;
  const int64_t count = image.grid_height * image.grid_width * 3 * area;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int64_t patch = i / (3 * area);
  const int64_t channel = i / area % 3;
  const int64_t y = patch / image.grid_width * patch_size + i % area / patch_size;
  const int64_t x = patch % image.grid_width * patch_size + i % patch_size;
  const In* pixels = static_cast<const In*>(image.pixels);
  float value = ToFloat(
      pixels[channel * image.channel_stride + y * image.row_stride + x * image.column_stride]);
  if (!image.conditioned) value = (value - mean[channel]) / std[channel];
  Store(value, output + i);
}

struct Tap {
  int64_t low;
  int64_t high;
  float high_weight;
};

// The rules of torch's upsample_bilinear2d; see model/ops/position_embedding.cc.
__device__ Tap TapOf(int64_t index, int64_t source, int64_t target, bool align_corners) {
  float position = 0.0f;
  if (align_corners) {
    const float scale =
        target > 1 ? static_cast<float>(source - 1) / static_cast<float>(target - 1) : 0.0f;
    position = scale * static_cast<float>(index);
  } else {
    const float scale = static_cast<float>(source) / static_cast<float>(target);
    position = fmaxf(scale * (static_cast<float>(index) + 0.5f) - 0.5f, 0.0f);
  }
  const int64_t low = min(static_cast<int64_t>(position), source - 1);
  const float weight = fminf(fmaxf(position - static_cast<float>(low), 0.0f), 1.0f);
  return {low, min(low + 1, source - 1), weight};
}

template <typename T>
__global__ void PositionKernel(PositionTable table, int64_t height, int64_t width,
                               bool align_corners, T* output) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= height * width * table.channels) return;
  const int64_t channel = i % table.channels;
  const int64_t y = i / table.channels / width;
  const int64_t x = i / table.channels % width;
  const T* values = static_cast<const T*>(table.values);
  if (height == table.rows && width == table.columns) {
    output[i] = values[i];
    return;
  }
  const int64_t side = max(height, width);
  const Tap ty = TapOf(y, table.rows, side, align_corners);
  const Tap tx = TapOf(x, table.columns, side, align_corners);
  const auto at = [&](int64_t row, int64_t column) {
    return ToFloat(values[(row * table.columns + column) * table.channels + channel]);
  };
  const float left = 1.0f - tx.high_weight;
  const float upper = left * at(ty.low, tx.low) + tx.high_weight * at(ty.low, tx.high);
  const float lower = left * at(ty.high, tx.low) + tx.high_weight * at(ty.high, tx.high);
  Store((1.0f - ty.high_weight) * upper + ty.high_weight * lower, output + i);
}

// The sum of `value` over the block's threads, for each of them. `scratch`: one float per warp.
__device__ float BlockSum(float value, float* scratch) {
  constexpr int kWarp = 32;
  constexpr unsigned kAllLanes = 0xffffffffu;
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  __syncthreads();  // Nobody still reads what an earlier sum left here.
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  float sum = 0.0f;
  for (int warp = 0; warp < kThreads / kWarp; ++warp) sum += scratch[warp];
  return sum;
}

// One block per row, which is read once and kept in shared memory.
template <typename In, typename Out>
__global__ void AddLayerNormKernel(NormRows rows) {
  extern __shared__ float row[];
  __shared__ float scratch[kThreads / 32];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * rows.channels;
  float* residual = rows.residual + first;
  const In* addend = rows.addend == nullptr ? nullptr : static_cast<const In*>(rows.addend) + first;
  Out* output = static_cast<Out*>(rows.output) + first;
  const float count = static_cast<float>(rows.channels);

  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < rows.channels; c += kThreads) {
    float value = residual[c];
    if (addend != nullptr) {
      value += ToFloat(addend[c]);
      residual[c] = value;
    }
    row[c] = value;
    sum += value;
  }
  const float mean = BlockSum(sum, scratch) / count;

  float squares = 0.0f;
  for (int64_t c = threadIdx.x; c < rows.channels; c += kThreads) {
    squares += (row[c] - mean) * (row[c] - mean);
  }
  const float scale = 1.0f / sqrtf(BlockSum(squares, scratch) / count + rows.epsilon);

  for (int64_t c = threadIdx.x; c < rows.channels; c += kThreads) {
    Store((row[c] - mean) * scale * rows.weight[c] + rows.bias[c], output + c);
  }
}

unsigned Blocks(int64_t count) { return static_cast<unsigned>((count + kThreads - 1) / kThreads); }

template <typename Out>
cudaError_t PatchifyTo(const PatchifyImage& image, int64_t patch_size, const float* mean,
                       const float* std, void* output, cudaStream_t stream) {
  const int64_t count = image.grid_height * image.grid_width * 3 * patch_size * patch_size;
  const unsigned blocks = Blocks(count);
  Out* out = static_cast<Out*>(output);
  switch (image.type) {
    case Element::kUint8:
      PatchifyKernel<uint8_t><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kFloat16:
      PatchifyKernel<__half><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kBfloat16:
      PatchifyKernel<__nv_bfloat16>
          <<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
    case Element::kFloat32:
      PatchifyKernel<float><<<blocks, kThreads, 0, stream>>>(image, patch_size, mean, std, out);
      break;
  }
  return cudaGetLastError();
}

template <typename T>
cudaError_t PositionTo(const PositionTable& table, int64_t height, int64_t width,
                       bool align_corners, void* output, cudaStream_t stream) {
  const unsigned blocks = Blocks(height * width * table.channels);
  PositionKernel<T><<<blocks, kThreads, 0, stream>>>(table, height, width, align_corners,
                                                     static_cast<T*>(output));
  return cudaGetLastError();
}

template <typename In>
cudaError_t AddLayerNormFrom(const NormRows& rows, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(rows.rows);
  const size_t row_bytes = static_cast<size_t>(rows.channels) * sizeof(float);
  switch (rows.output_type) {
    case Element::kBfloat16:
      AddLayerNormKernel<In, __nv_bfloat16><<<blocks, kThreads, row_bytes, stream>>>(rows);
      return cudaGetLastError();
    case Element::kFloat32:
      AddLayerNormKernel<In, float><<<blocks, kThreads, row_bytes, stream>>>(rows);
      return cudaGetLastError();
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

cudaError_t LaunchPatchify(const PatchifyImage& image, int64_t patch_size, const float* mean,
                           const float* std, Element output_type, void* output,
                           cudaStream_t stream) {
  switch (output_type) {
    case Element::kFloat16:
      return PatchifyTo<__half>(image, patch_size, mean, std, output, stream);
    case Element::kBfloat16:
      return PatchifyTo<__nv_bfloat16>(image, patch_size, mean, std, output, stream);
    case Element::kFloat32:
      return PatchifyTo<float>(image, patch_size, mean, std, output, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t LaunchPositionEmbedding(const PositionTable& table, int64_t height, int64_t width,
                                    bool align_corners, void* output, cudaStream_t stream) {
  switch (table.type) {
    case Element::kFloat16:
      return PositionTo<__half>(table, height, width, align_corners, output, stream);
    case Element::kBfloat16:
      return PositionTo<__nv_bfloat16>(table, height, width, align_corners, output, stream);
    case Element::kFloat32:
      return PositionTo<float>(table, height, width, align_corners, output, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t LaunchAddLayerNorm(const NormRows& rows, cudaStream_t stream) {
  if (rows.channels > kMaxNormChannels) return cudaErrorInvalidValue;
  if (rows.rows == 0) return cudaSuccess;
  switch (rows.addend_type) {
    case Element::kBfloat16:
      return AddLayerNormFrom<__nv_bfloat16>(rows, stream);
    case Element::kFloat32:
      return AddLayerNormFrom<float>(rows, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace radio::ops::cuda
