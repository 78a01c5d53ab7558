// Many images over one logical stream, with a bound on how many are unanswered.
#ifndef RADIO_CLIENT_FEATURE_STREAM_H_
#define RADIO_CLIENT_FEATURE_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/stream_options.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

class StreamState;
class Transport;

// An image that fails does not end the stream. When the connection breaks with UNAVAILABLE, or is
// closed with images unanswered, these are sent again over a new one, as the client's RetryOptions
// allow; the same for a single image refused with a retryable status. A failure that cannot be
// retried ends the stream: every unanswered image gets its status. Thread-safe.
class FeatureStream {
 public:
  // Does not connect yet. `transport` outlives it.
  FeatureStream(Transport* transport, StreamOptions options, OnResult on_result);
  // Cancels what is unanswered and waits for the callbacks.
  ~FeatureStream();
  FeatureStream(const FeatureStream&) = delete;
  FeatureStream& operator=(const FeatureStream&) = delete;

  // Blocks while max_in_flight images are unanswered. `id` is the caller's own and need not be
  // unique. Not OK, and then without a callback: the stream has ended with that status.
  absl::Status Send(std::string id, v1::Image image);

  // Blocks until every image has been answered, then closes the stream: OK, or what ended it.
  absl::Status Finish();

  // Ends the stream; calls back with CANCELLED for every unanswered image.
  void Cancel();

 private:
  const std::shared_ptr<StreamState> state_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_FEATURE_STREAM_H_
