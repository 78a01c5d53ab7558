#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "model/ops/operators.h"
#include "tests/model/ops/attention_reference.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

at::Tensor Attend(const Qkv& in, const std::vector<int>& offsets) {
  return VarlenAttention(in.q, in.k, in.v, at::tensor(offsets, at::kInt), 0, kScale);
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
