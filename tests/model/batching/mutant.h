// Faults that the simulation can be given, to see whether it finds them.
#ifndef RADIO_TESTS_MODEL_BATCHING_MUTANT_H_
#define RADIO_TESTS_MODEL_BATCHING_MUTANT_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/batching/batch_queue.h"

namespace radio {

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
  // The queue does not learn that a batch is done.
  kLostDone,
  // The queue takes a batch for done when it begins.
  kDoneTooEarly,
  // One worker more than runs are worth making at once.
  kWorkerTooMany,
};

struct MutantInfo {
  Mutant mutant;
  absl::string_view name;
};

// All but kNone.
absl::Span<const MutantInfo> AllMutants();

// DecideBatch, or what the mutant has in its place.
BatchQueue::Policy PolicyOf(Mutant mutant);

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_BATCHING_MUTANT_H_
