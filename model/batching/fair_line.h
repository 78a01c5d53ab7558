// Who is served next: waiting images in the order in which they deserve it.
#ifndef RADIO_MODEL_BATCHING_FAIR_LINE_H_
#define RADIO_MODEL_BATCHING_FAIR_LINE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "model/batching/task.h"
#include "model/types.h"

namespace radio {

// First by priority: a smaller number comes first, and each `ageing` of waiting makes it smaller by
// one, down to 0. Within a priority by client, by start-time fair queueing: an image starts, in
// virtual time, when its client's image before it has ended, so that clients with a backlog get
// equal work done however much each of them sends. Of one client by arrival.
//
// Nobody starves: every batch moves virtual time on, images that come later start later, so only
// finitely many come before any image.
//
// Where sizes do not mix, the line is kept in a part for each size, of which any may be served
// next.
//
// Pure: the caller brings the time. Not thread-safe. Add and Take are logarithmic.
class FairLine {
 public:
  // Its order is the line's.
  struct Place {
    int priority = 0;
    // Virtual time, in cost.
    double start = 0;
    uint64_t sequence = 0;

    friend bool operator<(const Place& a, const Place& b) {
      return std::tie(a.priority, a.start, a.sequence) < std::tie(b.priority, b.start, b.sequence);
    }
  };
  struct Client {
    // Virtual time at which its last image ends.
    double finish = 0;
    int waiting = 0;
  };
  struct Waiting {
    std::unique_ptr<Task> task;
    Client* client;
  };
  // A tree of large nodes: batches are read and taken from its front.
  using Line = absl::btree_map<Place, Waiting>;
  // Images that may share a batch, and their sums. Never empty.
  struct Part {
    Line line;
    double cost = 0;
    int64_t bytes = 0;

    const Place& place() const { return line.begin()->first; }
    Task& first() const { return *line.begin()->second.task; }
    int images() const { return static_cast<int>(line.size()); }
  };
  // By what may share a batch: all images or, where sizes do not mix, those of one size.
  using Parts = absl::flat_hash_map<uint64_t, Part>;

  // Serve: it is going to be computed. Drop: it is not, and its client gets its turn back.
  enum class Turn : char { kWait, kServe, kDrop };
  // In the order of the line.
  struct Taken {
    std::vector<std::unique_ptr<Task>> served;
    std::vector<std::unique_ptr<Task>> dropped;
  };

  explicit FairLine(absl::Duration ageing, bool mixed_sizes = true)
      : ageing_(ageing), mixed_sizes_(mixed_sizes) {}

  void Add(std::unique_ptr<Task> task, absl::Time now);

  // Moves up those that have waited. To be called before looking at the line.
  void Age(absl::Time now);

  // In no order; the images of each are in the order of the line.
  const Parts& parts() const { return parts_; }

  bool empty() const { return parts_.empty(); }

  // Work of `cost` is about to be taken as one batch, while `first` is first in line.
  void AdvanceBy(double cost, const Place& first);

  // Takes images out of a part: `turns` says what becomes of each of its first.
  Taken Take(uint64_t part, absl::Span<const Turn> turns);

  // Clients that are remembered; bounded by those that wait and those served lately.
  size_t clients() const { return clients_.size(); }

 private:
  struct Address {
    uint64_t part;
    Place place;
  };

  uint64_t PartOf(Size size) const;
  void Forget();

  const absl::Duration ageing_;
  const bool mixed_sizes_;
  Parts parts_;
  // When images of a priority other than 0 move up, and where they are now.
  std::multimap<absl::Time, Address> promotions_;
  std::unordered_map<ClientId, Client> clients_;
  // Clients with waiting images.
  int active_ = 0;
  double virtual_time_ = 0;
  uint64_t next_sequence_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_FAIR_LINE_H_
