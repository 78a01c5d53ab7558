#include "server/open_streams.h"

namespace radio::server {

void OpenStreams::Start(const std::shared_ptr<ExtractStreamCall>& call) {
  bool draining = false;
  {
    MutexLock lock(&mutex_);
    draining = draining_;
    streams_.remove_if([](const auto& stream) { return stream.expired(); });
    streams_.push_back(call);
  }
  if (draining) {
    call->Drain();
  } else {
    call->Start();
  }
}

void OpenStreams::Drain() {
  std::list<std::weak_ptr<ExtractStreamCall>> streams;
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    streams.swap(streams_);
  }
  // Outside the lock: a stream may end at once, on this thread.
  for (const auto& stream : streams) {
    if (const std::shared_ptr<ExtractStreamCall> call = stream.lock()) call->Drain();
  }
}

}  // namespace radio::server
