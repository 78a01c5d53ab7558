#include "model/batching/backlog.h"

#include <gmock/gmock.h>

namespace radio {
namespace {

constexpr Size kSmall{16, 32};
constexpr Size kTurned{32, 16};

BatchLimits Limits() {
  BatchLimits limits;
  limits.max_cost = 10;
  limits.max_images = 16;
  limits.max_bytes = 100;
  return limits;
}

// How many more of `what` it takes to fill a batch.
int ImagesToFill(Backlog* backlog, Size size, const Backlog::Sum& what) {
  int images = 0;
  for (; images < 1000 && !backlog->FillsBatch(Limits()); ++images) backlog->Add(size, what);
  return images;
}

TEST(BacklogTest, MixedSizesFillABatchWithTwoAverageImagesMore) {
  Backlog by_cost(true);
  EXPECT_EQ(ImagesToFill(&by_cost, kSmall, {1, 1, 1}), 12);
  Backlog by_bytes(true);
  EXPECT_EQ(ImagesToFill(&by_bytes, kSmall, {1, 0.1, 20}), 7);
  Backlog of_two_sizes(true);
  for (int i = 0; i < 6; ++i) of_two_sizes.Add(kTurned, {1, 1, 1});
  EXPECT_EQ(ImagesToFill(&of_two_sizes, kSmall, {1, 1, 1}), 6);
}

TEST(BacklogTest, AsManyImagesAsABatchMayHaveFillIt) {
  for (const bool mixed_sizes : {true, false}) {
    Backlog backlog(mixed_sizes);
    EXPECT_EQ(ImagesToFill(&backlog, kSmall, {1, 0.1, 1}), 16);
  }
}

TEST(BacklogTest, WhereSizesDoNotMixOneOfThemHasToFillTheBatch) {
  Backlog by_cost(false);
  for (int i = 0; i < 9; ++i) by_cost.Add(kTurned, {1, 1, 1});
  EXPECT_EQ(ImagesToFill(&by_cost, kSmall, {1, 1, 1}), 10);
  Backlog by_bytes(false);
  EXPECT_EQ(ImagesToFill(&by_bytes, kSmall, {1, 0.1, 20}), 5);
}

TEST(BacklogTest, WhatHasLeftFillsNothing) {
  for (const bool mixed_sizes : {true, false}) {
    Backlog backlog(mixed_sizes);
    for (int i = 0; i < 12; ++i) backlog.Add(kSmall, {1, 1.1, 10});
    EXPECT_TRUE(backlog.FillsBatch(Limits()));
    backlog.Remove(kSmall, {8, 8 * 1.1, 80});
    EXPECT_FALSE(backlog.FillsBatch(Limits()));
    for (int i = 0; i < 4; ++i) backlog.Remove(kSmall, {1, 1.1, 10});
    EXPECT_EQ(ImagesToFill(&backlog, kSmall, {1, 1, 1}), mixed_sizes ? 12 : 10);
  }
}

}  // namespace
}  // namespace radio
