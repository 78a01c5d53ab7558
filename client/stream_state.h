// The bookkeeping behind a FeatureStream: which images wait, which are unanswered, over which
// connection, and what is done next.
#ifndef RADIO_CLIENT_STREAM_STATE_H_
#define RADIO_CLIENT_STREAM_STATE_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/image_features.h"
#include "client/stream_options.h"
#include "client/stream_session.h"
#include "client/transport.h"
#include "grpcpp/alarm.h"
#include "model/base/mutex.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

struct StreamItem {
  std::string id;
  v1::ExtractStreamRequest request;
  int attempts = 0;
  // How many images had been answered when it was accepted or last refused.
  int64_t answered_before = 0;
  // In a row, while nothing was answered.
  int refusals = 0;
  // Null while it waits to be sent.
  StreamSession* session = nullptr;
  absl::Time deadline;
};

struct StreamDelivery {
  std::shared_ptr<StreamItem> item;
  absl::StatusOr<ImageFeatures> result;
};

// Every event ends in Advance, which does what can be done now; results are handed out without the
// lock.
class StreamState final : public StreamSession::Listener,
                          public std::enable_shared_from_this<StreamState> {
 public:
  StreamState(Transport* transport, StreamOptions options, OnResult on_result)
      : transport_(transport), options_(std::move(options)), on_result_(std::move(on_result)) {}

  absl::Status Send(std::string id, v1::Image image);
  absl::Status Finish();
  void End(const absl::Status& status);
  // Waits for the callbacks and lets everything go. The stream must have ended or finished.
  void Close();

 private:
  using Key = uint64_t;

  void OnWritten(StreamSession* session, bool ok) override;
  void OnAnswer(StreamSession* session, std::shared_ptr<v1::ExtractStreamResponse> answer) override;
  void OnReadsEnded(StreamSession* session) override;
  void OnClosed(StreamSession* session, const absl::Status& status) override;
  void OnAlarm();

  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendNext(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetAlarm(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnLost(StreamSession* session, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // As RetryPolicy::NextDelay, except that a server which answers other images and says when to
  // come back is obeyed as often as it likes, and one that answers nothing for as long as
  // RetryOptions::patience says: neither attempts nor budget count then.
  std::optional<absl::Duration> RetryDelay(const absl::Status& status, StreamItem* item)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the item off its connection; nothing is sent before `delay`. The caller puts it into
  // to_send_.
  void Unsend(Key key, absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Complete(Key key, absl::StatusOr<ImageFeatures> result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls back for what Complete has collected.
  void Deliver();
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return unanswered_.empty() && deliveries_.empty() && delivering_ == 0;
  }

  // Not touched once the stream has ended.
  Transport* const transport_;
  const StreamOptions options_;
  const OnResult on_result_;

  Mutex mutex_;
  CondVar changed_;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;

  // Images. Each is in unanswered_; its key is in to_send_ until it is written.
  Key next_key_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, std::shared_ptr<StreamItem>> unanswered_ ABSL_GUARDED_BY(mutex_);
  std::deque<Key> to_send_ ABSL_GUARDED_BY(mutex_);
  // Images that a server has answered for good.
  int64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  // Since when every image has been pushed back; InfiniteFuture after an answer.
  absl::Time refused_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::vector<StreamDelivery> deliveries_ ABSL_GUARDED_BY(mutex_);
  int delivering_ ABSL_GUARDED_BY(mutex_) = 0;

  // Connections. `current_` takes new images; the others only answer.
  std::set<StreamSession*> sessions_ ABSL_GUARDED_BY(mutex_);
  StreamSession* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int failures_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;

  // Time. Nothing is sent before `not_before_`.
  absl::Time not_before_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time alarm_time_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_STREAM_STATE_H_
