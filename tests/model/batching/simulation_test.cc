#include "tests/model/batching/simulation.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace radio {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint32_t kSeeds = 4000;
#else
constexpr uint32_t kSeeds = 100000;
#endif

TEST(SimulationTest, NoSeedBreaksARule) {
  SimulationTotals totals;
  for (uint32_t seed = 0; seed < kSeeds; ++seed) {
    ASSERT_EQ(Simulate(seed, Mutant::kNone, &totals), "") << "seed " << seed;
  }
  RecordProperty("images", std::to_string(totals.images));
  RecordProperty("batches", std::to_string(totals.batches));
  RecordProperty("ahead", std::to_string(totals.ahead));
  EXPECT_GT(totals.ahead, kSeeds / 20);
  // Each way to end must have been gone often.
  for (const int64_t count : {totals.refused, totals.ok, totals.expired, totals.cancelled,
                              totals.failed, totals.out_of_memory}) {
    EXPECT_GT(count, kSeeds / 20);
  }
}

TEST(SimulationTest, SameSeedTellsTheSameStory) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SimulationTotals first;
    SimulationTotals second;
    Simulate(seed, Mutant::kNone, &first);
    Simulate(seed, Mutant::kNone, &second);
    ASSERT_EQ(first.ok, second.ok) << "seed " << seed;
    ASSERT_EQ(first.batches, second.batches) << "seed " << seed;
    ASSERT_EQ(first.ahead, second.ahead) << "seed " << seed;
  }
}

TEST(SimulationTest, EveryMutantIsCaught) {
  SimulationTotals totals;
  for (const MutantInfo& info : AllMutants()) {
    std::string found;
    uint32_t seed = 0;
    for (; seed < 2000 && found.empty(); ++seed) found = Simulate(seed, info.mutant, &totals);
    EXPECT_NE(found, "") << info.name << " was not noticed";
    std::cout << info.name << ": " << found << " (seed " << seed - 1 << ")\n";
  }
  EXPECT_GE(AllMutants().size(), 5u);
}

}  // namespace
}  // namespace radio
