#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <vector>

#include "model/ops/operators.h"
#include "model/ops/output_segments.h"

namespace radio::ops {
namespace {

at::Tensor Gather(const std::vector<at::Tensor>& sources,
                  const std::vector<OutputSegment>& segments, int64_t bytes) {
  std::vector<int64_t> plan;
  for (const OutputSegment& segment : segments) AppendSegment(segment, &plan);
  return GatherOutputs(sources, plan, bytes);
}

at::Tensor ValuesAt(const at::Tensor& slab, int64_t offset, int64_t count, at::ScalarType type) {
  return slab.narrow(0, offset, count * static_cast<int64_t>(c10::elementSize(type))).view(type);
}

TEST(GatherOutputsTest, RowsOfSeveralSourcesLieWhereThePlanSays) {
  const at::Tensor tokens = at::arange(12, at::kFloat).view({6, 2});
  const at::Tensor summary = at::arange(100, 106, at::kFloat).view({2, 3});
  const at::Tensor slab = Gather({tokens, summary},
                                 {{0, 1, 3, 0, at::kFloat, false, false},
                                  {0, 4, 2, 64, at::kFloat, true, false},
                                  {1, 1, 1, 128, at::kFloat, false, false}},
                                 192);
  EXPECT_EQ(slab.numel(), 192 + 3);
  EXPECT_TRUE(ValuesAt(slab, 0, 6, at::kFloat).equal(at::arange(2, 8, at::kFloat)));
  EXPECT_TRUE(ValuesAt(slab, 64, 4, at::kFloat).equal(at::tensor({8.0f, 10.0f, 9.0f, 11.0f})));
  EXPECT_TRUE(ValuesAt(slab, 128, 3, at::kFloat).equal(at::arange(103, 106, at::kFloat)));
  EXPECT_EQ(slab.narrow(0, 192, 3).sum().item<int>(), 0);
}

TEST(GatherOutputsTest, ValuesAreNormalisedAndThenRoundedToTheTypeAskedFor) {
  const at::Tensor rows = at::randn({4, 16});
  rows[2].zero_();
  const at::Tensor unit = rows / (rows * rows).sum(1, true).sqrt();
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor plain = Gather({rows}, {{0, 0, 4, 0, type, false, false}}, 256);
    EXPECT_TRUE(ValuesAt(plain, 0, 64, type).equal(rows.to(type).view(-1)));
    const at::Tensor normalised = Gather({rows}, {{0, 0, 4, 0, type, false, true}}, 256);
    const at::Tensor values = ValuesAt(normalised, 0, 64, type).view({4, 16});
    EXPECT_TRUE(values[1].equal(unit[1].to(type)));
    EXPECT_TRUE(values[2].equal(rows[2].to(type)));
  }
}

TEST(GatherOutputsTest, FlagsSayWhichSegmentsAreNotFinite) {
  at::Tensor rows = at::randn({3, 4});
  rows[0][1] = std::numeric_limits<float>::quiet_NaN();
  rows[1][2] = 1e30f;
  const at::Tensor slab = Gather({rows},
                                 {{0, 0, 1, 0, at::kBFloat16, false, false},
                                  {0, 1, 1, 64, at::kBFloat16, false, false},
                                  {0, 1, 2, 128, at::kHalf, false, false},
                                  {0, 2, 1, 192, at::kHalf, true, true}},
                                 256);
  EXPECT_TRUE(slab.narrow(0, 256, 4).equal(at::tensor({1, 0, 1, 0}, at::kByte)));
}

TEST(GatherOutputsTest, PlansBeyondTheirMemoryAreRefused) {
  const at::Tensor rows = at::randn({3, 4});
  const OutputSegment fitting = {0, 1, 2, 0, at::kFloat, false, false};
  EXPECT_NO_THROW(Gather({rows}, {fitting}, 32));
  const auto refused = [&](const std::function<void(OutputSegment*)>& change, int64_t bytes) {
    OutputSegment segment = fitting;
    change(&segment);
    EXPECT_THROW(Gather({rows}, {segment}, bytes), c10::Error);
  };
  refused([](OutputSegment*) {}, 31);
  refused([](OutputSegment* s) { s->offset = 4; }, 32);
  refused([](OutputSegment* s) { s->offset = 2; }, 64);
  refused([](OutputSegment* s) { s->offset = -4; }, 64);
  refused([](OutputSegment* s) { s->first_row = 2; }, 64);
  refused([](OutputSegment* s) { s->first_row = -1; }, 64);
  refused([](OutputSegment* s) { s->source = 1; }, 64);
  refused([](OutputSegment* s) { s->type = at::kByte; }, 64);
  EXPECT_THROW(Gather({rows.t()}, {fitting}, 64), c10::Error);
  EXPECT_THROW(GatherOutputs({rows}, {1, 2, 3}, 64), c10::Error);
}

}  // namespace
}  // namespace radio::ops
