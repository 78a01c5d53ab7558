#include "model/ops/cuda/gather_kernel.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/model/ops/cuda/host_launch.h"

namespace radio::ops::cuda {
namespace {

// Segments whose sources hold their own index in the slab, one after the other there.
class Answers {
 public:
  void Add(int64_t rows, int64_t channels, bool channels_first, bool l2_normalize = false) {
    GatherSegment segment = {
        nullptr, Element::kFloat32, Element::kFloat32,
        rows,    channels,          count_ * static_cast<int64_t>(sizeof(Counted)),
        tiles_,  channels_first,    l2_normalize};
    segments.push_back(segment);
    sources.emplace_back(static_cast<size_t>(rows * channels));
    for (size_t i = 0; i < sources.back().size(); ++i) {
      sources.back()[i] = static_cast<float>(count_ + static_cast<int64_t>(i));
    }
    count_ += rows * channels;
    tiles_ += TilesOf(rows, channels);
  }

  // The kernel, step by step.
  std::string Launch(int64_t tiles) {
    for (size_t s = 0; s < segments.size(); ++s) segments[s].source = sources[s].data();
    CountedOutput output(count_);
    auto* slab = reinterpret_cast<uint8_t*>(output.data());
    non_finite.assign(segments.size(), false);
    for (int64_t index = 0; index < tiles; ++index) {
      TileMemory memory;
      const Tile tile = TileAt(segments.data(), static_cast<int64_t>(segments.size()), index);
      const GatherSegment& segment = segments[static_cast<size_t>(tile.segment)];
      if (segment.l2_normalize) {
        ForThreads([&](unsigned t) { SumSquares<float>(segment, tile, t, &memory); });
      }
      ForThreads([&](unsigned t) { SetScales(segment, tile, t, &memory); });
      ForThreads([&](unsigned t) { LoadTile<float>(segment, tile, t, &memory); });
      ForThreads([&](unsigned t) {
        if (!StoreTile<Counted>(segment, tile, t, memory, slab)) {
          non_finite[static_cast<size_t>(tile.segment)] = true;
        }
      });
    }
    return output.Fault([&](int64_t i) { return Expected(i); }, tolerance);
  }

  int64_t tiles() const { return tiles_; }

  std::vector<GatherSegment> segments;
  std::vector<std::vector<float>> sources;
  std::vector<bool> non_finite;
  float tolerance = 0.0f;

 private:
  template <typename Step>
  static void ForThreads(Step step) {
    OnEveryThread(1, [&](unsigned, unsigned thread) { step(thread); });
  }

  float Expected(int64_t i) const {
    size_t s = 0;
    while (i >= static_cast<int64_t>(sources[s].size())) {
      i -= static_cast<int64_t>(sources[s++].size());
    }
    const GatherSegment& segment = segments[s];
    const int64_t row = segment.channels_first ? i % segment.rows : i / segment.channels;
    const int64_t channel = segment.channels_first ? i / segment.rows : i % segment.channels;
    const float* values = sources[s].data() + row * segment.channels;
    double squares = 0.0;
    for (int64_t c = 0; c < segment.channels; ++c) squares += double{values[c]} * values[c];
    return segment.l2_normalize && squares > 0.0
               ? static_cast<float>(values[channel] / std::sqrt(squares))
               : values[channel];
  }

  int64_t count_ = 0;
  int64_t tiles_ = 0;
};

TEST(GatherKernelTest, EveryValueOfEverySegmentIsWrittenOnceFromItsSource) {
  Answers answers;
  for (const bool channels_first : {false, true}) {
    for (const int64_t rows : {1, 63, 64, 65, 130}) {
      for (const int64_t channels : {1, 5, 64, 100, 129}) {
        answers.Add(rows, channels, channels_first);
      }
    }
    answers.Add(0, 7, channels_first);
  }
  EXPECT_EQ(answers.Launch(answers.tiles()), "");
}

TEST(GatherKernelTest, RowsAreNormalisedOverAllTheirChannels) {
  Answers answers;
  answers.tolerance = 1e-5f;
  for (const int64_t channels : {1, 31, 64, 200}) {
    answers.Add(65, channels, false, true);
    answers.Add(67, channels, true, true);
  }
  answers.sources[2].assign(answers.sources[2].size(), 0.0f);
  EXPECT_EQ(answers.Launch(answers.tiles()), "");
}

TEST(GatherKernelTest, NonFiniteValuesFlagTheirSegmentOnly) {
  for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
    Answers answers;
    answers.tolerance = 1.0f;
    for (int s = 0; s < 4; ++s) answers.Add(70, 70, s % 2 == 1, s >= 2);
    answers.sources[1][69 * 70 + 69] = bad;
    answers.sources[2][0] = bad;
    answers.Launch(answers.tiles());
    EXPECT_THAT(answers.non_finite, testing::ElementsAre(false, true, true, false));
  }
}

// The checks above can fail.
TEST(GatherKernelTest, WrongTilesAndStridesAreCaught) {
  Answers answers;
  answers.Add(3, 5, false);
  answers.Add(130, 70, true);
  answers.Add(65, 129, false);
  ASSERT_EQ(answers.Launch(answers.tiles()), "");
  EXPECT_THAT(answers.Launch(answers.tiles() - 1), testing::HasSubstr("was written 0 times"));
  Answers shifted = answers;
  ++shifted.segments[2].first_tile;
  EXPECT_NE(shifted.Launch(shifted.tiles()), "");
  shifted = answers;
  shifted.segments[1].offset += sizeof(Counted);
  EXPECT_EQ(shifted.Launch(shifted.tiles()), "element 15 of 17500 was written 0 times");
}

}  // namespace
}  // namespace radio::ops::cuda
