// What a stream of images asks for, and who hears the answers.
#ifndef RADIO_CLIENT_STREAM_OPTIONS_H_
#define RADIO_CLIENT_STREAM_OPTIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/image_features.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

struct StreamOptions {
  // The same for all images; as in ExtractRequest.
  std::string model;
  std::vector<v1::OutputSpec> outputs;
  v1::Preprocessing preprocessing;
  // Images sent but not answered, at least 1; the stream holds their bytes until then, to send them
  // again.
  int max_in_flight = 32;
  // A call older than this takes no new images and ends when those it took are answered. The next
  // one may reach a replica that was added meanwhile, and servers cut off what outlives the grace
  // they give to old connections.
  absl::Duration max_connection_age = absl::Minutes(1);
};

// Called exactly once per image that Send accepted, in completion order, on gRPC threads and
// possibly on several at once. While it runs its image still counts as in flight, and the stream
// reads nothing more. It must not call the stream.
using OnResult = std::function<void(const std::string& id, absl::StatusOr<ImageFeatures> result)>;

}  // namespace radio::client

#endif  // RADIO_CLIENT_STREAM_OPTIONS_H_
