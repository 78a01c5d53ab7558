#include "tests/model/batching/mutant.h"

#include <algorithm>
#include <array>
#include <vector>

namespace radio {
namespace {

constexpr std::array<MutantInfo, 16> kMutants = {{
    {Mutant::kLostWakeUp, "lost wake-up"},
    {Mutant::kLostCompletion, "lost completion"},
    {Mutant::kDoubleCompletion, "double completion"},
    {Mutant::kLeakedPermit, "leaked permit"},
    {Mutant::kLeakedPending, "leaked pending cost"},
    {Mutant::kRunsExpired, "runs expired images"},
    {Mutant::kRunsCancelled, "runs cancelled images"},
    {Mutant::kOverBudget, "batches over budget"},
    {Mutant::kSmallestFirst, "smallest first"},
    {Mutant::kIgnoresClients, "ignores clients"},
    {Mutant::kAdmitsAll, "admits all"},
    {Mutant::kSwapsResults, "swaps results"},
    {Mutant::kForgetsOutOfMemory, "forgets a lack of memory"},
    {Mutant::kLostDone, "lost end of a batch"},
    {Mutant::kDoneTooEarly, "batches done too early"},
    {Mutant::kWorkerTooMany, "a worker too many"},
}};

template <typename Change>
BatchDecision DecideOnChanged(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                              absl::Time now, double seconds_per_cost, bool others_wait,
                              absl::Duration starts_in, Change change) {
  std::vector<QueuedItem> changed(items.begin(), items.end());
  for (QueuedItem& item : changed) change(&item);
  return DecideBatch(limits, changed, now, seconds_per_cost, others_wait, starts_in);
}

BatchDecision RunsExpired(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now, double, bool others_wait, absl::Duration starts_in) {
  return DecideOnChanged(limits, items, now, 0, others_wait, starts_in,
                         [](QueuedItem* item) { item->deadline = absl::InfiniteFuture(); });
}

BatchDecision RunsCancelled(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                            absl::Time now, double spc, bool others_wait,
                            absl::Duration starts_in) {
  return DecideOnChanged(limits, items, now, spc, others_wait, starts_in,
                         [](QueuedItem* item) { item->cancelled = false; });
}

BatchDecision OverBudget(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                         absl::Time now, double spc, bool others_wait, absl::Duration starts_in) {
  BatchLimits larger = limits;
  larger.max_cost *= 1.2;
  return DecideBatch(larger, items, now, spc, others_wait, starts_in);
}

BatchDecision SmallestFirst(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                            absl::Time now, double spc, bool others_wait,
                            absl::Duration starts_in) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return items[a].cost < items[b].cost; });
  std::vector<QueuedItem> sorted;
  for (const size_t i : order) sorted.push_back(items[i]);
  BatchDecision decision = DecideBatch(limits, sorted, now, spc, others_wait, starts_in);
  for (std::vector<size_t>* indices : {&decision.run, &decision.drop}) {
    for (size_t& i : *indices) i = order[i];
    std::sort(indices->begin(), indices->end());
  }
  return decision;
}

}  // namespace

absl::Span<const MutantInfo> AllMutants() { return kMutants; }

BatchQueue::Policy PolicyOf(Mutant mutant) {
  switch (mutant) {
    case Mutant::kRunsExpired:
      return RunsExpired;
    case Mutant::kRunsCancelled:
      return RunsCancelled;
    case Mutant::kOverBudget:
      return OverBudget;
    case Mutant::kSmallestFirst:
      return SmallestFirst;
    default:
      return DecideBatch;
  }
}

}  // namespace radio
