// One call that a request and an answer make: Extract, or ModelInfer of the Open Inference
// Protocol.
#ifndef RADIO_SERVER_EXTRACT_CALL_H_
#define RADIO_SERVER_EXTRACT_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/admission.h"
#include "model/batching/task.h"
#include "model/feature_extractor.h"
#include "server/call_record.h"
#include "server/exchange.h"
#include "server/service_parts.h"

namespace radio::server {

// Owns itself: deleted in OnDone, which gRPC calls last. Holds its share of admission until then,
// so that the memory of an answer counts until it has left.
class ExtractCall final : public grpc::ServerUnaryReactor {
 public:
  // `context` and `response` are gRPC's and live until OnDone.
  ExtractCall(Method method, const ServiceParts& parts, const ServiceOptions& options,
              grpc::CallbackServerContext* context, grpc::ByteBuffer* response,
              std::unique_ptr<Exchange> exchange);

  // Never blocks. `request` is emptied. The call may be gone when it returns.
  void Start(grpc::ByteBuffer* request);

 private:
  void OnCancel() override;
  void OnDone() override;

  // What the core is to do; takes the permit for it.
  absl::StatusOr<ExtractRequest> Prepare(grpc::ByteBuffer* request);
  void ItemDone(size_t index, ItemResult result);
  void Respond();
  void FinishWith(absl::Status status);

  const ServiceParts parts_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  const absl::Time deadline_;
  const std::shared_ptr<CancelToken> cancel_;
  CallRecord record_;
  std::unique_ptr<Exchange> exchange_;

  // No message came: the caller broke the protocol or, as only OnDone knows, went away before it
  // had sent one. Set by Start.
  bool no_message_ = false;
  // Set by Start, before the core gets to work.
  bool well_formed_ = false;
  AdmissionPermit permit_;

  // Each element is written once, by whichever thread brings the result; the last one reads all.
  std::vector<ItemResult> results_;
  std::atomic<size_t> missing_{0};

  // How the call ended, as far as it is up to the server.
  absl::Status status_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_EXTRACT_CALL_H_
