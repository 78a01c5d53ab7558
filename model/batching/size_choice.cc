#include "model/batching/size_choice.h"

#include <algorithm>

namespace radio {

SizeChoice ChooseSize(const BatchLimits& limits, absl::Span<const WaitingSize> sizes) {
  SizeChoice choice;
  for (size_t i = 1; i < sizes.size(); ++i) {
    const WaitingSize& size = sizes[i];
    if (size.place < sizes[choice.first].place) choice.first = i;
    const WaitingSize& best = sizes[choice.run];
    const double gain = std::min(size.cost, limits.max_cost) - std::min(best.cost, limits.max_cost);
    if (gain > 0 || (gain == 0 && size.place < best.place)) choice.run = i;
  }
  if (sizes[choice.first].skips >= limits.max_size_skips) choice.run = choice.first;
  return choice;
}

}  // namespace radio
