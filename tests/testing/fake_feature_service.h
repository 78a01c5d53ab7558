// A feature service without a model: features are a function of the image's bytes, errors and
// stalls are what a test asks for. For tests of clients.
#ifndef RADIO_TESTS_TESTING_FAKE_FEATURE_SERVICE_H_
#define RADIO_TESTS_TESTING_FAKE_FEATURE_SERVICE_H_

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "model/base/mutex.h"
#include "radio/v1/feature_service.grpc.pb.h"

namespace radio {

// An error as the service words it: ErrorInfo of domain radio.v1, and RetryInfo when asked for.
google::rpc::Status FakeError(int code, const std::string& reason, const std::string& message,
                              std::optional<absl::Duration> retry_after = std::nullopt);

// The same as the status of a call.
grpc::Status FakeCallError(const google::rpc::Status& error);

struct FakeBehaviour {
  // Asked for every image; a code other than 0 is the image's answer. The default refuses bytes
  // that begin with "broken".
  std::function<google::rpc::Status(const std::string& bytes)> image_status;
  // Asked when a call begins (`number` counts calls from 1); not OK ends it.
  std::function<grpc::Status(int number, grpc::CallbackServerContext* context)> call_status;
  // Asked before each answer on a stream (`stream` counts streams from 1, `answered` is how many
  // answers it has given); a status ends the stream instead.
  std::function<std::optional<grpc::Status>(int stream, int answered)> end_stream;
  // Changes the answer of an image that has not failed, and the model's facts.
  std::function<void(v1::ImageResult* result)> change_result;
  std::function<void(v1::Model* model)> change_model;
  // Of several waiting images the last is answered first.
  bool newest_first = false;
};

// What the calls looked like.
struct FakeRecord {
  int calls = 0;
  // Time left at the start of each call.
  std::vector<absl::Duration> deadlines;
  // Each call's "authorization", empty without one.
  std::vector<std::string> authorizations;
  // What the latest Extract asked for.
  v1::Preprocessing preprocessing;
  // Connections that calls came over.
  std::set<std::string> peers;
  // Images that arrived on streams, and images answered anywhere.
  int received = 0;
  int images = 0;
  // On one stream, images received whose answer has not begun, at most.
  int most_unanswered = 0;
};

// Model "fake": backbone with summary [8] and features [T, 4], adaptor "clip" with summary [6] and
// features [4 T, 5] (upsample factor 2); step 16. Thread-safe.
class FakeFeatureService final : public v1::FeatureService::CallbackService {
 public:
  void SetBehaviour(FakeBehaviour behaviour);
  // SetBehaviour with `change_result` alone.
  void ChangeResults(std::function<void(v1::ImageResult* result)> change);
  FakeRecord record() const;
  // While held, no stream answers.
  void Hold(bool held);

  static v1::Model Facts();
  // Source size of an image of these bytes.
  static v1::Geometry GeometryOf(const std::string& bytes);
  // Element i of the adaptor's summary or features. Exact in half precision.
  static float Value(const std::string& bytes, const std::string& adaptor, bool summary, int64_t i);

  grpc::ServerUnaryReactor* Extract(grpc::CallbackServerContext* context,
                                    const v1::ExtractRequest* request,
                                    v1::ExtractResponse* response) override;
  grpc::ServerBidiReactor<v1::ExtractStreamRequest, v1::ExtractStreamResponse>* ExtractStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  class Stream;

  // Records the call. Not OK: how it must end.
  grpc::Status Begin(grpc::CallbackServerContext* context);
  v1::Model CurrentFacts() const;
  v1::ImageResult Answer(const v1::Image& image,
                         const google::protobuf::RepeatedPtrField<v1::OutputSpec>& outputs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  FakeBehaviour behaviour_ ABSL_GUARDED_BY(mutex_);
  FakeRecord record_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<Stream*> open_ ABSL_GUARDED_BY(mutex_);
};

class FakeHealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  // SERVING for "", readiness and liveness; NOT_SERVING for "loading"; NOT_FOUND otherwise.
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
};

// The service on a free port of this machine.
class FakeServer {
 public:
  explicit FakeServer(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials());
  ~FakeServer();

  // "127.0.0.1:<port>".
  const std::string& address() const { return address_; }
  FakeFeatureService& service() { return service_; }
  const FakeFeatureService& service() const { return service_; }
  // Ends every call and listens no more.
  void Stop();

 private:
  FakeFeatureService service_;
  FakeHealthService health_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_FAKE_FEATURE_SERVICE_H_
