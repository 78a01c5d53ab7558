#include "client/feature_stream.h"

#include <utility>

#include "client/stream_state.h"

namespace radio::client {

FeatureStream::FeatureStream(Transport* transport, StreamOptions options, OnResult on_result)
    : state_(std::make_shared<StreamState>(transport, std::move(options), std::move(on_result))) {}

FeatureStream::~FeatureStream() {
  Cancel();
  state_->Close();
}

absl::Status FeatureStream::Send(std::string id, v1::Image image) {
  return state_->Send(std::move(id), std::move(image));
}

absl::Status FeatureStream::Finish() { return state_->Finish(); }

void FeatureStream::Cancel() { state_->End(absl::CancelledError("cancelled by the caller")); }

}  // namespace radio::client
