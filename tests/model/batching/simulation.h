// Admission, queue, policy and runner together, in simulated time, from a seed: what happens is a
// function of the seed alone.
#ifndef RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_
#define RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace radio {

// What is built in wrongly, to see whether it is found.
enum class Mutant {
  kNone,
  // The worker sleeps on though an image has come.
  kLostWakeUp,
  // A completion is thrown away.
  kLostCompletion,
  // An image is completed twice.
  kDoubleCompletion,
  // A permit is never given back.
  kLeakedPermit,
  // Work that is done stays pending.
  kLeakedPending,
  // The policy does not look at deadlines.
  kRunsExpired,
  // The policy does not look at cancellation.
  kRunsCancelled,
  // The policy fills batches beyond their cost.
  kOverBudget,
  // The policy takes small images first.
  kSmallestFirst,
  // All clients are one in the queue.
  kIgnoresClients,
  // Refusals are not heeded.
  kAdmitsAll,
  // Of two results the one goes to the other's image.
  kSwapsResults,
  // A lack of memory is taken for any other failure.
  kForgetsOutOfMemory,
};

struct MutantInfo {
  Mutant mutant;
  absl::string_view name;
};

// All but kNone.
absl::Span<const MutantInfo> AllMutants();

// What the runs of a process came across, so that a test can see that they meant something.
struct SimulationTotals {
  int64_t images = 0;
  int64_t refused = 0;
  int64_t ok = 0;
  int64_t expired = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  int64_t batches = 0;
  int64_t out_of_memory = 0;
};

// Runs one world. The first rule that was broken, in words; empty: none was. Rules: every admitted
// image completes exactly once and as it deserves; nothing cancelled or expired runs; no limit is
// exceeded; clients with a backlog get equal work; nobody starves; all accounts end at zero.
std::string Simulate(uint32_t seed, Mutant mutant, SimulationTotals* totals);

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_BATCHING_SIMULATION_H_
