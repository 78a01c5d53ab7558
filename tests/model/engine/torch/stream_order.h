// What the streams of a device guarantee, to find work that relies on more.
#ifndef RADIO_TESTS_MODEL_ENGINE_TORCH_STREAM_ORDER_H_
#define RADIO_TESTS_MODEL_ENGINE_TORCH_STREAM_ORDER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "model/base/mutex.h"

namespace radio {

// Thread-safe. Work of one stream is done in order. Work of two streams is in no order, unless the
// one waits for what was recorded of the other, or a thread waited for it before it handed in the
// work. Each use of memory is held against that, by vector clocks: whether the order happened to be
// the right one does not matter.
class StreamOrder {
 public:
  using Stream = int64_t;
  using Memory = const void*;
  // For each stream, how much of its work is done by then.
  using Clock = std::map<Stream, int64_t>;

  // The memory begins as the stream's own: it may be given away again when all of that stream's
  // work is done.
  void Allocate(Memory memory, Stream stream);
  // From now on it may be given away only when what `stream` has been handed so far is done as
  // well.
  void KeepFor(Memory memory, Stream stream);
  void Free(Memory memory);

  // The calling thread hands `stream` work which uses memory. Memory that was never allocated here
  // is of no interest.
  void Enqueue(Stream stream, const std::string& what, const std::vector<Memory>& reads,
               const std::vector<Memory>& writes);

  // The work that `stream` has been handed so far, and all that it waits for.
  Clock Record(Stream stream);
  // What `stream` is handed from now on is done after that.
  void Wait(Stream stream, const Clock& recorded);
  // The calling thread goes on after that.
  void Synchronize(const Clock& recorded);

  // Something else that a device may not do.
  void AddRace(std::string race);

  // What was found since the last call, e.g. "stream 0: radio::patchify reads what stream 1 may not
  // have written yet".
  std::vector<std::string> TakeRaces();

 private:
  struct Use {
    Stream home = 0;
    Stream writer = 0;
    // Counts as in a clock.
    int64_t written = 0;
    Clock reads;
    std::set<Stream> kept_for;
  };

  void Report(Stream stream, const std::string& what, const std::string& verb, Stream other,
              const std::string& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // What the calling thread has waited for.
  Clock& KnownHere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::map<std::thread::id, Clock> threads_ ABSL_GUARDED_BY(mutex_);
  std::map<Stream, Clock> streams_ ABSL_GUARDED_BY(mutex_);
  std::map<Memory, Use> memory_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> races_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_ENGINE_TORCH_STREAM_ORDER_H_
