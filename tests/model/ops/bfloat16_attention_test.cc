#include "model/ops/bfloat16_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gmock/gmock.h>

#include <cmath>

#include "model/ops/block_product.h"
#include "tests/model/ops/attention_reference.h"

namespace radio::ops {
namespace {

std::vector<Segment> SegmentsOf(const std::vector<int>& offsets) {
  std::vector<Segment> segments;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    segments.push_back({offsets[s], offsets[s + 1] - offsets[s]});
  }
  return segments;
}

at::Tensor Attend(const Qkv& in, const std::vector<int>& offsets,
                  const BlockUnit& unit = kPortableUnit) {
  const at::Tensor output = at::empty(in.q.sizes(), in.q.options());
  Bfloat16Attention(in.q, in.k, in.v, SegmentsOf(offsets), kScale, unit, output);
  return output;
}

// One token; around the padding, the query tile and the key tile; more than one task per head.
const std::vector<int> kOffsets = {0, 1, 32, 65, 128, 193, 704, 1217, 1500};

TEST(Bfloat16AttentionTest, EverySegmentAttendsToItself) {
  for (const int64_t head_dim : {16, 72}) {
    const Qkv in = RandomQkv(kOffsets.back(), 2, head_dim, at::kBFloat16);
    EXPECT_LT(Distance(Attend(in, kOffsets), in, kOffsets), 4e-2) << head_dim;
  }
}

TEST(Bfloat16AttentionTest, WrongOffsetIsNoticed) {
  const Qkv in = RandomQkv(193, 2, 16, at::kBFloat16);
  EXPECT_GT(Distance(Attend(in, {0, 66, 128, 193}), in, {0, 65, 128, 193}), 0.1);
}

TEST(Bfloat16AttentionTest, LargeScoresDoNotOverflow) {
  Qkv in = RandomQkv(700, 1, 16, at::kBFloat16);
  in.q.mul_(100.0);
  EXPECT_LT(Distance(Attend(in, {0, 700}), in, {0, 700}), 8e-2);
}

TEST(Bfloat16AttentionTest, NanFillsItsSegmentAndNoOther) {
  for (const int which : {0, 1, 2}) {
    Qkv in = RandomQkv(300, 2, 16, at::kBFloat16);
    const at::Tensor before = Attend(in, {0, 100, 200, 300});
    const at::Tensor& broken = which == 0 ? in.q : which == 1 ? in.k : in.v;
    broken.narrow(0, 150, 1).fill_(std::nanf(""));
    const at::Tensor after = Attend(in, {0, 100, 200, 300});
    EXPECT_TRUE(after.narrow(0, 0, 100).equal(before.narrow(0, 0, 100)));
    EXPECT_TRUE(after.narrow(0, 200, 100).equal(before.narrow(0, 200, 100)));
    // A query's NaN is its own; a key's or a value's is everybody's.
    const int64_t expected = which == 0 ? 1 : 100;
    const at::Tensor wrong = after.narrow(0, 100, 100).isnan().any(2).any(1);
    EXPECT_EQ(wrong.sum().item<int64_t>(), expected) << which;
  }
}

TEST(Bfloat16AttentionTest, BitsDoNotDependOnOtherSegments) {
  const Qkv in = RandomQkv(700, 2, 80, at::kBFloat16);
  const at::Tensor packed = Attend(in, {0, 211, 500, 700});
  const auto middle = [](const at::Tensor& t) { return t.narrow(0, 211, 289); };
  const at::Tensor alone = Attend({middle(in.q), middle(in.k), middle(in.v)}, {0, 289});
  EXPECT_TRUE(middle(packed).equal(alone));
}

TEST(Bfloat16AttentionTest, BestUnitComputesIt) {
  if (!HasBlockUnit()) GTEST_SKIP() << "this processor has no bfloat16 units";
  for (const int64_t head_dim : {64, 80}) {
    const Qkv in = RandomQkv(kOffsets.back(), 2, head_dim, at::kBFloat16);
    EXPECT_LT(Distance(Attend(in, kOffsets, BestBlockUnit()), in, kOffsets), 4e-2) << head_dim;
  }
}

}  // namespace
}  // namespace radio::ops
