// What all calls of a client share: the channel, the credentials, the deadline and the retries.
#ifndef RADIO_CLIENT_TRANSPORT_H_
#define RADIO_CLIENT_TRANSPORT_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/options.h"
#include "client/retry.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "model/base/mutex.h"
#include "radio/v1/feature_service.grpc.pb.h"

namespace radio::client {

// Thread-safe.
class Transport {
 public:
  // Held by every running call, and released when it has dropped its grpc::ClientContext: a context
  // owns a part of the channel, and gRPC's callback threads must never be the ones that destroy the
  // channel (they would wait for themselves to end).
  class Use {
   public:
    explicit Use(Transport* transport);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Transport* operator->() const { return transport_; }

   private:
    Transport* const transport_;
  };

  // Reads the TLS files; does not connect. INVALID_ARGUMENT names the option that breaks a rule.
  static absl::StatusOr<std::unique_ptr<Transport>> Create(const ClientOptions& options);

  // Blocks until no call uses it.
  ~Transport();

  // Of the next connection in turn.
  v1::FeatureService::StubInterface::async_interface* features() {
    return features_[next_++ % features_.size()]->async();
  }
  grpc::health::v1::Health::StubInterface::async_interface* health() { return health_->async(); }
  const ClientOptions& options() const { return options_; }
  RetryPolicy& retry() { return retry_; }

  // A context with the credentials and the deadline that every call must have.
  std::unique_ptr<grpc::ClientContext> NewContext(absl::Time deadline) const;

 private:
  Transport(const ClientOptions& options,
            const std::vector<std::shared_ptr<grpc::Channel>>& channels);

  const ClientOptions options_;
  // One per connection.
  std::vector<std::unique_ptr<v1::FeatureService::Stub>> features_;
  std::atomic<unsigned> next_ = 0;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  RetryPolicy retry_;

  Mutex mutex_;
  CondVar unused_;
  int uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_TRANSPORT_H_
