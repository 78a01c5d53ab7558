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

  // Serve: it is going to be computed. Drop: it is not, and its client gets its turn back.
  enum class Turn : char { kWait, kServe, kDrop };
  // In the order of the line.
  struct Taken {
    std::vector<std::unique_ptr<Task>> served;
    std::vector<std::unique_ptr<Task>> dropped;
  };

  explicit FairLine(absl::Duration ageing) : ageing_(ageing) {}

  void Add(std::unique_ptr<Task> task, absl::Time now);

  // Moves up those that have waited. To be called before looking at the line.
  void Age(absl::Time now);

  const Line& line() const { return line_; }

  // Work of `cost` is about to be taken as one batch.
  void AdvanceBy(double cost);

  // Takes images out: `turns` says what becomes of each of the first in line.
  Taken Take(absl::Span<const Turn> turns);

  // Clients that are remembered; bounded by those that wait and those served lately.
  size_t clients() const { return clients_.size(); }

 private:
  void Forget();

  const absl::Duration ageing_;
  Line line_;
  // When images of a priority other than 0 move up, and where they are now.
  std::multimap<absl::Time, Place> promotions_;
  std::unordered_map<ClientId, Client> clients_;
  // Clients with waiting images.
  int active_ = 0;
  double virtual_time_ = 0;
  uint64_t next_sequence_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_FAIR_LINE_H_
