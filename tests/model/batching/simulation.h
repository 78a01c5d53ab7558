// Admission, queue, policy and runner together, in simulated time, from a seed: what happens is a
// function of the seed alone.
#ifndef RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_
#define RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_

#include <cstdint>
#include <string>

#include "tests/model/batching/mutant.h"

namespace radio {

// What the runs of a process came across, so that a test can see that they meant something.
struct SimulationTotals {
  int64_t images = 0;
  int64_t refused = 0;
  int64_t ok = 0;
  int64_t expired = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  int64_t batches = 0;
  // Of those, taken while another ran.
  int64_t ahead = 0;
  int64_t out_of_memory = 0;
};

// Runs one world. The first rule that was broken, in words; empty: none was. Rules: every admitted
// image completes exactly once and as it deserves; nothing cancelled or expired runs; no limit is
// exceeded; clients with a backlog get equal work; nobody starves; what is taken while another
// batch runs is full; all accounts end at zero. One seed in 20 has two workers.
std::string Simulate(uint32_t seed, Mutant mutant, SimulationTotals* totals);

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_
