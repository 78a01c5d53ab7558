#include "model/ops/norm_row.h"

#include <algorithm>
#include <cmath>

#include "model/ops/vector.h"

namespace radio::ops {
namespace {

// The first `count` lanes of `source`, 0 in the others; fewer than all at the end of a row.
template <typename T>
RADIO_VECTOR_INLINE Floats LoadFirst(const T* source, int64_t count) {
  if (count >= kLanes) return Load(source);
  T padded[kLanes] = {};
  std::copy_n(source, count, padded);
  return Load(padded);
}

template <typename T>
RADIO_VECTOR_INLINE void StoreFirst(const Floats& values, int64_t count, T* target) {
  if (count >= kLanes) return Store(values, target);
  T padded[kLanes];
  Store(values, padded);
  std::copy_n(padded, count, target);
}

template <typename In>
RADIO_VECTOR_INLINE float AddAndSum(const In* addend, int64_t channels, float* residual) {
  Floats sums{};
  for (int64_t c = 0; c < channels; c += kLanes) {
    Floats values = LoadFirst(residual + c, channels - c);
    if (addend != nullptr) {
      values += LoadFirst(addend + c, channels - c);
      StoreFirst(values, channels - c, residual + c);
    }
    sums += values;
  }
  return Sum(sums);
}

RADIO_VECTOR_INLINE float SquaredDistance(const float* row, int64_t channels, float mean) {
  Floats sums{};
  const int64_t whole = channels / kLanes * kLanes;
  for (int64_t c = 0; c < whole; c += kLanes) {
    const Floats distance = Load(row + c) - mean;
    sums += distance * distance;
  }
  float sum = Sum(sums);
  for (int64_t c = whole; c < channels; ++c) sum += (row[c] - mean) * (row[c] - mean);
  return sum;
}

template <typename In, typename Out>
RADIO_VECTOR_INLINE void AddNorm(const LayerNorm& norm, float* residual, const In* addend,
                                 Out* output) {
  const int64_t channels = norm.channels;
  const float count = static_cast<float>(channels);
  const float mean = AddAndSum(addend, channels, residual) / count;
  const float variance = SquaredDistance(residual, channels, mean) / count;
  const float scale = 1.0f / std::sqrt(variance + norm.epsilon);
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t left = channels - c;
    const Floats normalised = (LoadFirst(residual + c, left) - mean) * scale;
    StoreFirst(normalised * LoadFirst(norm.weight + c, left) + LoadFirst(norm.bias + c, left), left,
               output + c);
  }
}

}  // namespace

RADIO_VECTOR_CLONES void AddNormRow(const LayerNorm& norm, float* residual, const float* addend,
                                    float* output) {
  AddNorm(norm, residual, addend, output);
}

RADIO_VECTOR_CLONES void AddNormRow(const LayerNorm& norm, float* residual, const float* addend,
                                    uint16_t* output) {
  AddNorm(norm, residual, addend, output);
}

RADIO_VECTOR_CLONES void AddNormRow(const LayerNorm& norm, float* residual, const uint16_t* addend,
                                    float* output) {
  AddNorm(norm, residual, addend, output);
}

RADIO_VECTOR_CLONES void AddNormRow(const LayerNorm& norm, float* residual, const uint16_t* addend,
                                    uint16_t* output) {
  AddNorm(norm, residual, addend, output);
}

}  // namespace radio::ops
