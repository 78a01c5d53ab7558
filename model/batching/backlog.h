// How much waits, and whether it fills a batch.
#ifndef RADIO_MODEL_BATCHING_BACKLOG_H_
#define RADIO_MODEL_BATCHING_BACKLOG_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "model/batching/batch_policy.h"
#include "model/types.h"

namespace radio {

// Sums over waiting images, of each size where sizes do not mix. Not thread-safe.
class Backlog {
 public:
  struct Sum {
    int images = 0;
    double cost = 0;
    int64_t bytes = 0;
  };

  explicit Backlog(bool mixed_sizes) : mixed_sizes_(mixed_sizes) {}

  // `what` are images of `size`, or, where sizes mix, any.
  void Add(Size size, const Sum& what);
  void Remove(Size size, const Sum& what);

  // Whether a batch chosen now would be full. Where sizes mix that takes a little more than a
  // limit's worth: see the source. Images that nobody waits for any more count as the others. A
  // batch may still be less, where an image that has waited for long, or its deadline, leaves no
  // choice.
  bool FillsBatch(const BatchLimits& limits) const;

 private:
  // Those of one key may share a batch.
  uint64_t KeyOf(Size size) const;

  const bool mixed_sizes_;
  // None is zero.
  absl::flat_hash_map<uint64_t, Sum> sums_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_BACKLOG_H_
