// One call of ExtractStream.
#ifndef RADIO_SERVER_EXTRACT_STREAM_CALL_H_
#define RADIO_SERVER_EXTRACT_STREAM_CALL_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/admission.h"
#include "model/base/mutex.h"
#include "model/batching/task.h"
#include "model/feature_extractor.h"
#include "server/call_record.h"
#include "server/service_parts.h"

namespace radio::server {

// Reads a message while fewer than a set number of images are in work, hands each image to the core
// at once and writes the answers one by one as they come. Ends OK when the client has half-closed
// and all is answered, and with SERVER_DRAINING when the server shuts down and all that was read is
// answered.
//
// Keeps itself alive until OnDone, which gRPC calls last.
class ExtractStreamCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // `context` is gRPC's and lives until OnDone.
  static std::shared_ptr<ExtractStreamCall> Create(const ServiceParts& parts,
                                                   const ServiceOptions& options,
                                                   grpc::CallbackServerContext* context);

  // Begins to read. Once.
  void Start();
  // Reads no more; ends when what was read is answered.
  void Drain();

 private:
  // An image from its message to its answer.
  struct Item {
    std::string id;
    std::shared_ptr<const ServedModel> model;
    std::vector<OutputRequest> outputs;
    AdmissionPermit permit;
  };
  struct Answer {
    grpc::ByteBuffer bytes;
    // Given back when the bytes have left.
    AdmissionPermit permit;
  };
  // What to do next; decided under the lock, done without it, since gRPC may call back at once.
  struct Step {
    bool read = false;
    const grpc::ByteBuffer* write = nullptr;
    bool finish = false;
  };

  ExtractStreamCall(const ServiceParts& parts, const ServiceOptions& options,
                    grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void HandleMessage();
  absl::StatusOr<ExtractRequest> Prepare(Item* item);
  void ItemDone(const std::shared_ptr<Item>& item, ItemResult result);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(const Step& step);

  const ServiceParts parts_;
  const ServiceOptions& options_;
  grpc::CallbackServerContext* const context_;
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
  // Images read whose answer has not left.
  int in_work_ ABSL_GUARDED_BY(mutex_) = 0;
  // The first is being written while `writing_`.
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  // How the call ended.
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::server

#endif  // RADIO_SERVER_EXTRACT_STREAM_CALL_H_
