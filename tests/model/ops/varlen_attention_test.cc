#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double kScale = 0.3;

struct Qkv {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

// Three strided views of one [T, 3, heads, head_dim] tensor, as a model has them.
Qkv RandomQkv(int64_t tokens, int64_t heads, int64_t head_dim, at::ScalarType type = at::kFloat) {
  const at::Tensor qkv = at::randn({tokens, 3, heads, head_dim}).to(type);
  return {qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2)};
}

at::Tensor Attend(const Qkv& in, const std::vector<int>& offsets) {
  return VarlenAttention(in.q, in.k, in.v, at::tensor(offsets, at::kInt), 0, kScale);
}

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

// Largest difference to attention written out in double precision.
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

// Odd lengths, one token, equal neighbours (one call of the kernel), an empty segment.
const std::vector<int> kOffsets = {0, 7, 8, 45, 82, 82, 119, 320};

TEST(VarlenAttentionTest, EverySegmentAttendsToItself) {
  for (const int64_t head_dim : {16, 64, 72, 80}) {
    const Qkv in = RandomQkv(kOffsets.back(), 3, head_dim);
    const at::Tensor out = Attend(in, kOffsets);
    EXPECT_TRUE(out.is_contiguous());
    EXPECT_EQ(out.sizes(), in.q.sizes());
    EXPECT_LT(Distance(out, in, kOffsets), 2e-5) << head_dim;
  }
}

TEST(VarlenAttentionTest, BFloat16IsAsExactAsItsInputs) {
  const Qkv in = RandomQkv(kOffsets.back(), 2, 64, at::kBFloat16);
  const at::Tensor out = Attend(in, kOffsets);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LT(Distance(out, in, kOffsets), 4e-2);
}

TEST(VarlenAttentionTest, WrongOffsetIsNoticed) {
  const Qkv in = RandomQkv(kOffsets.back(), 3, 16);
  std::vector<int> wrong = kOffsets;
  ++wrong[3];
  EXPECT_GT(Distance(Attend(in, wrong), in, kOffsets), 1e-2);
}

TEST(VarlenAttentionTest, SegmentDoesNotSeeItsNeighbours) {
  Qkv in = RandomQkv(kOffsets.back(), 3, 16);
  const at::Tensor before = Attend(in, kOffsets);
  for (const at::Tensor& tensor : {in.q, in.k, in.v}) {
    tensor.narrow(0, 0, 45).mul_(-3.0);
    tensor.narrow(0, 82, 238).fill_(std::nanf(""));
  }
  const at::Tensor after = Attend(in, kOffsets);
  EXPECT_TRUE(after.narrow(0, 45, 37).equal(before.narrow(0, 45, 37)));
  // The change itself arrived.
  EXPECT_FALSE(after.narrow(0, 8, 37).equal(before.narrow(0, 8, 37)));
}

TEST(VarlenAttentionTest, SegmentIsTheSameAloneAndPacked) {
  const Qkv in = RandomQkv(kOffsets.back(), 3, 64);
  const at::Tensor packed = Attend(in, kOffsets);
  for (size_t s = 0; s + 1 < kOffsets.size(); ++s) {
    const int length = kOffsets[s + 1] - kOffsets[s];
    const auto part = [&](const at::Tensor& t) { return t.narrow(0, kOffsets[s], length); };
    if (length == 0) continue;
    const at::Tensor alone = Attend({part(in.q), part(in.k), part(in.v)}, {0, length});
    EXPECT_LT((alone - part(packed)).abs().max().item<float>(), 1e-6f) << s;
  }
}

TEST(VarlenAttentionTest, RefusesWhatBreaksItsRules) {
  const Qkv in = RandomQkv(10, 2, 16);
  const auto message = [](const char* text) { return ThrowsMessage<c10::Error>(HasSubstr(text)); };
  EXPECT_THAT([&] { Attend(in, {0, 9}); }, message("from 0 to 10, got 0 to 9"));
  EXPECT_THAT([&] { Attend(in, {1, 10}); }, message("from 0 to 10, got 1 to 10"));
  EXPECT_THAT([&] { Attend(in, {0, 7, 5, 10}); }, message("falls from 7 to 5 at segment 1"));
  EXPECT_THAT([&] { Attend(in, {0}); }, message("int32 [segments + 1]"));
  EXPECT_THAT([&] { Attend({in.q, in.k.narrow(0, 0, 9), in.v}, {0, 10}); }, message("one shape"));
  EXPECT_THAT([&] { Attend({in.q, in.k.to(at::kDouble), in.v}, {0, 10}); }, message("one dtype"));
  EXPECT_THAT(
      [&] {
        Attend({in.q[0], in.k[0], in.v[0]}, {0, 10});
      },
      message("[T, heads, head_dim]"));
  EXPECT_THAT(
      [&] {
        VarlenAttention(in.q, in.k, in.v, at::tensor({0, 10}, at::kLong), 0, 1.0);
      },
      message("int32"));
}

}  // namespace
}  // namespace radio::ops
