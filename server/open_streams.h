// The streams that are open, of all services.
#ifndef RADIO_SERVER_OPEN_STREAMS_H_
#define RADIO_SERVER_OPEN_STREAMS_H_

#include <list>
#include <memory>

#include "model/base/mutex.h"
#include "server/extract_stream_call.h"

namespace radio::server {

// Thread-safe.
class OpenStreams {
 public:
  // Starts the call, or ends it at once while the server drains.
  void Start(const std::shared_ptr<ExtractStreamCall>& call);

  // Open streams end when what they have read is answered, new ones at once. Unary calls are
  // refused by admission, not here.
  void Drain();

 private:
  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // Some may have ended already.
  std::list<std::weak_ptr<ExtractStreamCall>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_OPEN_STREAMS_H_
