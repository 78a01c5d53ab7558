// Which size runs next, where sizes do not mix.
#ifndef RADIO_MODEL_BATCHING_SIZE_CHOICE_H_
#define RADIO_MODEL_BATCHING_SIZE_CHOICE_H_

#include <cstddef>

#include "absl/types/span.h"
#include "model/batching/batch_policy.h"
#include "model/batching/fair_line.h"

namespace radio {

// Images of one size that wait.
struct WaitingSize {
  double cost = 0;
  // Of the first of them in the line of all.
  FairLine::Place place;
  // Batches of other sizes that ran while that image was first in line.
  int skips = 0;
};

// Indices.
struct SizeChoice {
  // Whose image is first in line. If another runs, that image's skips are to grow by one.
  size_t first = 0;
  size_t run = 0;
};

// The size with most work, for fuller batches, as far as the first in line can wait
// (BatchLimits::max_size_skips); of equal ones the first. More work than a full batch gains
// nothing. Pure. `sizes`: at least one.
SizeChoice ChooseSize(const BatchLimits& limits, absl::Span<const WaitingSize> sizes);

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_SIZE_CHOICE_H_
