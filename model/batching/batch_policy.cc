#include "model/batching/batch_policy.h"

namespace radio {

BatchDecision DecideBatch(const BatchLimits& limits, absl::Span<const QueuedItem> items,
                          absl::Time now) {
  BatchDecision decision;
  double cost = 0;
  int passed_over = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const QueuedItem& item = items[i];
    if (item.cancelled || item.deadline <= now) {
      decision.drop.push_back(i);
      continue;
    }
    const bool first = decision.run.empty();
    const bool fits = !first && cost + item.cost <= limits.max_cost &&
                      (limits.mixed_sizes || item.size == items[decision.run.front()].size);
    if (first || fits) {
      decision.run.push_back(i);
      cost += item.cost;
      if (static_cast<int>(decision.run.size()) >= limits.max_images) break;
    } else if (++passed_over > limits.max_passed_over) {
      break;
    }
    if (cost >= limits.max_cost) break;
  }
  return decision;
}

}  // namespace radio
