// Client of the RADIO feature service. Everything a program needs:
//
//   radio::client::ClientOptions options;
//   options.server = "features.example:50051";
//   auto client = radio::client::FeatureClient::Connect(options);
//   if (!client.ok()) return client.status();
//
//   radio::v1::ExtractRequest request;
//   request.add_images()->set_encoded(jpeg_bytes);
//   request.mutable_preprocessing()->set_resize(radio::v1::RESIZE_MODE_NEAREST_SUPPORTED);
//   auto answer = (*client)->Extract(std::move(request));
//   if (!answer.ok()) return answer.status();                // the whole request failed
//   if (!answer->images[0].ok()) return answer->images[0].status();  // this image failed
//   auto summary = answer->images[0]->Summary();             // a view, valid as long as `answer`
//   absl::Span<const float> vector = *summary->AsFloat32();
//
// Every error is an absl::Status with the service's code and message; ReasonOf (client/errors.h)
// gives its reason.
#ifndef RADIO_CLIENT_FEATURE_CLIENT_H_
#define RADIO_CLIENT_FEATURE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/feature_stream.h"
#include "client/image_features.h"
#include "client/options.h"
#include "client/stream_options.h"
#include "grpc/health/v1/health.pb.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

class Transport;

struct ExtractResult {
  // In request order; an image that failed has its own status.
  std::vector<absl::StatusOr<ImageFeatures>> images;
  // The model that answered, and what its vectors may be compared with.
  std::string model;
  std::string embedding_space;
};

// Ends a call early: its callback hears CANCELLED, unless the answer was there first. Thread-safe,
// never blocks, and may be called at any time and more than once, or dropped.
using CancelCall = std::function<void()>;

// Thread-safe; one is enough for a process. Each call has the deadline and the retries of
// ClientOptions. Destroying it blocks until running calls have been answered (so never in a
// callback); its streams must be gone before.
class FeatureClient {
 public:
  // Reads the TLS files and prepares the channel, without contacting the server: a wrong address
  // shows as UNAVAILABLE of the first call. INVALID_ARGUMENT names the option that breaks a rule.
  static absl::StatusOr<std::unique_ptr<FeatureClient>> Connect(const ClientOptions& options);
  ~FeatureClient();

  // Blocks until the answer is there.
  absl::StatusOr<ExtractResult> Extract(v1::ExtractRequest request) const;

  // Never blocks; `done` is called exactly once, on a gRPC thread, and should return soon.
  CancelCall ExtractAsync(v1::ExtractRequest request,
                          std::function<void(absl::StatusOr<ExtractResult>)> done) const;

  // Does not connect yet. The client must outlive the stream.
  std::unique_ptr<FeatureStream> ExtractStream(StreamOptions options, OnResult on_result) const;

  // Block. In configuration order; empty name = the configured default.
  absl::StatusOr<std::vector<v1::Model>> ListModels() const;
  absl::StatusOr<v1::Model> GetModel(const std::string& name) const;

  // Blocks. State of the server (empty), of "readiness", "liveness" or of a model by name.
  // NOT_FOUND when the server knows no such service.
  absl::StatusOr<grpc::health::v1::HealthCheckResponse::ServingStatus> Health(
      const std::string& service = "") const;

 private:
  explicit FeatureClient(std::unique_ptr<Transport> transport);

  const std::unique_ptr<Transport> transport_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_FEATURE_CLIENT_H_
