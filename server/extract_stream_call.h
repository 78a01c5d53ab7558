// One call that is a stream of requests and answers: ExtractStream, or ModelStreamInfer of the Open
// Inference Protocol.
#ifndef RADIO_SERVER_EXTRACT_STREAM_CALL_H_
#define RADIO_SERVER_EXTRACT_STREAM_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/admission.h"
#include "model/base/mutex.h"
#include "model/batching/task.h"
#include "model/feature_extractor.h"
#include "server/call_record.h"
#include "server/exchange.h"
#include "server/service_parts.h"

namespace radio::server {

// Reads a message while fewer than a set number of them are in work, hands its images to the core
// at once and writes the answers one by one: as they come, but for those that must keep their
// order. Ends OK when the client has half-closed and all is answered, and with SERVER_DRAINING when
// the server shuts down and all that was read is answered.
//
// Keeps itself alive until OnDone, which gRPC calls last.
class ExtractStreamCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // What differs between protocols.
  struct Protocol {
    std::function<std::unique_ptr<StreamExchange>()> make_exchange;
    // A request that fails ends the call with its status, once the others are answered.
    bool error_ends_call = false;
  };

  // `context` is gRPC's and lives until OnDone.
  static std::shared_ptr<ExtractStreamCall> Create(Method method, const ServiceParts& parts,
                                                   const ServiceOptions& options,
                                                   grpc::CallbackServerContext* context,
                                                   Protocol protocol);

  // Begins to read. Once.
  void Start();
  // Reads no more; ends when what was read is answered.
  void Drain();

 private:
  struct Answer {
    grpc::ByteBuffer bytes;
    // Given back when the bytes have left.
    AdmissionPermit permit;
  };
  // A request from its message to its answer.
  struct Item {
    std::unique_ptr<StreamExchange> exchange;
    AdmissionPermit permit;
    // Each is written once; the thread that brings the last one goes on.
    std::vector<ItemResult> results;
    std::atomic<size_t> missing{0};
    // Waits for those of earlier requests. Guarded by the call's mutex.
    std::optional<Answer> answer;
  };
  // What to do next; decided under the lock, done without it, since gRPC may call back at once.
  struct Step {
    bool read = false;
    const grpc::ByteBuffer* write = nullptr;
    bool finish = false;
  };

  ExtractStreamCall(Method method, const ServiceParts& parts, const ServiceOptions& options,
                    grpc::CallbackServerContext* context, Protocol protocol);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void HandleMessage();
  absl::StatusOr<ExtractRequest> Prepare(Item* item);
  void ImageDone(const std::shared_ptr<Item>& item, size_t index, ItemResult result);
  void ItemDone(const std::shared_ptr<Item>& item, absl::StatusOr<WireMessage> message);
  void Enqueue(const std::shared_ptr<Item>& item, Answer answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(const Step& step);

  const ServiceParts parts_;
  const ServiceOptions& options_;
  grpc::CallbackServerContext* const context_;
  const Protocol protocol_;
  const std::shared_ptr<CancelToken> cancel_;
  CallRecord record_;
  std::shared_ptr<ExtractStreamCall> self_;

  // gRPC's while a read is on its way, this class's otherwise.
  grpc::ByteBuffer message_;

  Mutex mutex_;
  // A read is on its way or its message is being handled.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing more will be read.
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // Requests read whose answer has not left.
  int in_work_ ABSL_GUARDED_BY(mutex_) = 0;
  // Those whose answers keep their order, in that order.
  std::deque<std::shared_ptr<Item>> ordered_ ABSL_GUARDED_BY(mutex_);
  // The first is being written while `writing_`.
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  // How the call ended.
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_EXTRACT_STREAM_CALL_H_
