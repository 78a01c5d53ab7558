#include "tests/model/ops/attention_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>

namespace radio::ops {
namespace {

// Softmax of the segment that token `t` belongs to, for one head.
std::vector<double> Weights(const Qkv& in, int64_t t, int64_t h, int64_t begin, int64_t end) {
  const auto q = in.q.accessor<double, 3>();
  const auto k = in.k.accessor<double, 3>();
  std::vector<double> weights;
  for (int64_t s = begin; s < end; ++s) {
    double dot = 0;
    for (int64_t d = 0; d < in.q.size(2); ++d) dot += q[t][h][d] * k[s][h][d];
    weights.push_back(dot * kScale);
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& w : weights) sum += (w = std::exp(w - largest));
  for (double& w : weights) w /= sum;
  return weights;
}

}  // namespace

Qkv RandomQkv(int64_t tokens, int64_t heads, int64_t head_dim, at::ScalarType type) {
  const at::Tensor qkv = at::randn({tokens, 3, heads, head_dim}).to(type);
  return {qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2)};
}

double Distance(const at::Tensor& actual, const Qkv& in, const std::vector<int>& offsets) {
  const Qkv exact = {in.q.to(at::kDouble), in.k.to(at::kDouble), in.v.to(at::kDouble)};
  const at::Tensor result = actual.to(at::kDouble);
  const auto value = result.accessor<double, 3>();
  const auto v = exact.v.accessor<double, 3>();
  double distance = 0;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    for (int64_t t = offsets[s]; t < offsets[s + 1]; ++t) {
      for (int64_t h = 0; h < in.q.size(1); ++h) {
        const std::vector<double> weights = Weights(exact, t, h, offsets[s], offsets[s + 1]);
        for (int64_t d = 0; d < in.q.size(2); ++d) {
          double sum = 0;
          for (size_t i = 0; i < weights.size(); ++i) {
            sum += weights[i] * v[offsets[s] + static_cast<int64_t>(i)][h][d];
          }
          distance = std::max(distance, std::abs(sum - value[t][h][d]));
        }
      }
    }
  }
  return distance;
}

}  // namespace radio::ops
