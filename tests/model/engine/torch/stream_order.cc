#include "tests/model/engine/torch/stream_order.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace radio {
namespace {

void Merge(const StreamOrder::Clock& from, StreamOrder::Clock* to) {
  for (const auto& [stream, count] : from) {
    int64_t& known = (*to)[stream];
    known = std::max(known, count);
  }
}

bool Knows(const StreamOrder::Clock& clock, StreamOrder::Stream stream, int64_t count) {
  const auto known = clock.find(stream);
  return count == 0 || (known != clock.end() && known->second >= count);
}

}  // namespace

void StreamOrder::Allocate(Memory memory, Stream stream) {
  MutexLock lock(&mutex_);
  Use use;
  use.home = use.writer = stream;
  memory_[memory] = use;
}

void StreamOrder::KeepFor(Memory memory, Stream stream) {
  MutexLock lock(&mutex_);
  memory_[memory].kept_for.insert(stream);
}

void StreamOrder::Free(Memory memory) {
  MutexLock lock(&mutex_);
  const Use use = std::move(memory_.extract(memory).mapped());
  const Clock& known = KnownHere();
  const auto check = [&](Stream stream, int64_t count) {
    if (stream == use.home || use.kept_for.count(stream) > 0) return;
    if (Knows(known, stream, count)) return;
    races_.push_back(absl::StrCat("memory of stream ", use.home, " is given away while stream ",
                                  stream, " may still use it"));
  };
  check(use.writer, use.written);
  for (const auto& [stream, count] : use.reads) check(stream, count);
}

void StreamOrder::Enqueue(Stream stream, const std::string& what, const std::vector<Memory>& reads,
                          const std::vector<Memory>& writes) {
  MutexLock lock(&mutex_);
  Clock& clock = streams_[stream];
  Merge(KnownHere(), &clock);
  const int64_t now = ++clock[stream];
  for (const bool writing : {false, true}) {
    for (const Memory memory : writing ? writes : reads) {
      const auto found = memory_.find(memory);
      if (found == memory_.end()) continue;
      Use& use = found->second;
      const std::string verb = writing ? "writes" : "reads";
      if (!Knows(clock, use.writer, use.written)) {
        Report(stream, what, verb, use.writer, "not have written yet");
      }
      if (!writing) {
        use.reads[stream] = now;
        continue;
      }
      for (const auto& [reader, count] : use.reads) {
        if (!Knows(clock, reader, count)) Report(stream, what, verb, reader, "still read");
      }
      use.writer = stream;
      use.written = now;
    }
  }
}

void StreamOrder::Report(Stream stream, const std::string& what, const std::string& verb,
                         Stream other, const std::string& state) {
  races_.push_back(absl::StrCat("stream ", stream, ": ", what, " ", verb, " what stream ", other,
                                " may ", state));
}

StreamOrder::Clock StreamOrder::Record(Stream stream) {
  MutexLock lock(&mutex_);
  Clock& clock = streams_[stream];
  Merge(KnownHere(), &clock);
  return clock;
}

void StreamOrder::Wait(Stream stream, const Clock& recorded) {
  MutexLock lock(&mutex_);
  Merge(recorded, &streams_[stream]);
}

void StreamOrder::Synchronize(const Clock& recorded) {
  MutexLock lock(&mutex_);
  Merge(recorded, &KnownHere());
}

StreamOrder::Clock& StreamOrder::KnownHere() { return threads_[std::this_thread::get_id()]; }

void StreamOrder::AddRace(std::string race) {
  MutexLock lock(&mutex_);
  races_.push_back(std::move(race));
}

std::vector<std::string> StreamOrder::TakeRaces() {
  MutexLock lock(&mutex_);
  return std::exchange(races_, {});
}

}  // namespace radio
