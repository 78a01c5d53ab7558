#include "client/stream_state.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/errors.h"

namespace radio::client {
namespace {

constexpr absl::Duration kClosingTime = absl::Seconds(1);

}  // namespace

absl::Status StreamState::Send(std::string id, v1::Image image) {
  auto item = std::make_shared<StreamItem>();
  item->id = std::move(id);
  item->request.set_model(options_.model);
  *item->request.mutable_image() = std::move(image);
  for (const v1::OutputSpec& output : options_.outputs) *item->request.add_outputs() = output;
  *item->request.mutable_preprocessing() = options_.preprocessing;

  MutexLock lock(&mutex_);
  const auto limit = static_cast<size_t>(std::max(1, options_.max_in_flight));
  while (ended_.ok() && unanswered_.size() + deliveries_.size() + delivering_ >= limit) {
    changed_.Wait(&mutex_);
  }
  if (!ended_.ok()) return ended_;
  if (finishing_) return absl::FailedPreconditionError("Send after Finish");
  item->answered_before = answered_;
  const Key key = next_key_++;
  // On the wire the id is ours: the caller's may repeat.
  item->request.set_id(absl::StrCat(key));
  unanswered_[key] = std::move(item);
  to_send_.push_back(key);
  Advance();
  return absl::OkStatus();
}

absl::Status StreamState::Finish() {
  MutexLock lock(&mutex_);
  finishing_ = true;
  while (!Idle()) changed_.Wait(&mutex_);
  Advance();
  // A server that has answered everything closes at once; one that does not is not waited for.
  const absl::Time patience = absl::Now() + kClosingTime;
  while (!sessions_.empty() && absl::Now() < patience) {
    changed_.WaitFor(&mutex_, patience - absl::Now());
  }
  return ended_;
}

void StreamState::End(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    EndLocked(status);
  }
  Deliver();
}

void StreamState::Close() {
  MutexLock lock(&mutex_);
  while (!Idle()) changed_.Wait(&mutex_);
  for (StreamSession* session : sessions_) session->TryCancel();
  alarm_ = nullptr;
}

void StreamState::EndLocked(const absl::Status& status) {
  if (!ended_.ok() || (finishing_ && unanswered_.empty())) return;
  ended_ = status;
  to_send_.clear();
  while (!unanswered_.empty()) Complete(unanswered_.begin()->first, status);
  for (StreamSession* session : sessions_) {
    session->CloseWrites();
    session->TryCancel();
  }
  current_ = nullptr;
  changed_.SignalAll();
}

void StreamState::Complete(Key key, absl::StatusOr<ImageFeatures> result) {
  const auto found = unanswered_.find(key);
  deliveries_.push_back({std::move(found->second), std::move(result)});
  unanswered_.erase(found);
}

void StreamState::Deliver() {
  std::vector<StreamDelivery> deliveries;
  {
    MutexLock lock(&mutex_);
    deliveries.swap(deliveries_);
    delivering_ += static_cast<int>(deliveries.size());
  }
  for (StreamDelivery& delivery : deliveries) {
    on_result_(delivery.item->id, std::move(delivery.result));
    MutexLock lock(&mutex_);
    --delivering_;
    changed_.SignalAll();
  }
}

std::optional<absl::Duration> StreamState::RetryDelay(const absl::Status& status,
                                                      StreamItem* item) {
  const bool progress = answered_ > std::exchange(item->answered_before, answered_);
  const std::optional<absl::Duration> pushback = PushbackOf(status);
  const absl::Duration patience = transport_->retry().options().patience;
  const bool obeyed = progress || patience > absl::ZeroDuration();
  if (!obeyed || !pushback.has_value() || !IsRetryable(status)) {
    return transport_->retry().NextDelay(status, item->attempts);
  }
  item->attempts = 0;
  item->refusals = progress ? 0 : item->refusals + 1;
  if (progress) return pushback;
  const absl::Time now = absl::Now();
  refused_since_ = std::min(refused_since_, now);
  if (now - refused_since_ >= patience) return std::nullopt;
  return std::max(*pushback, transport_->retry().Backoff(item->refusals));
}

void StreamState::Unsend(Key key, absl::Duration delay) {
  unanswered_[key]->session = nullptr;
  not_before_ = std::max(not_before_, absl::Now() + delay);
}

void StreamState::Advance() {
  const absl::Time now = absl::Now();
  const bool done = finishing_ && unanswered_.empty();
  if (current_ != nullptr && current_->CanWrite() &&
      (done || now - current_->opened() > options_.max_connection_age)) {
    current_->CloseWrites();
    current_ = nullptr;
  }
  if (!to_send_.empty() && now >= not_before_) SendNext(now);
  SetAlarm(now);
}

void StreamState::SendNext(absl::Time now) {
  if (current_ == nullptr) {
    // The images' own deadline is kept by the alarm; the call's is the bound behind it.
    const absl::Time deadline =
        now + options_.max_connection_age + 2 * transport_->options().deadline;
    current_ = StreamSession::Open(shared_from_this(), transport_, now, deadline);
    sessions_.insert(current_);
  }
  if (!current_->CanWrite()) return;
  const std::shared_ptr<StreamItem> item = unanswered_[to_send_.front()];
  to_send_.pop_front();
  ++item->attempts;
  item->session = current_;
  item->deadline = now + transport_->options().deadline;
  current_->Write(std::shared_ptr<const v1::ExtractStreamRequest>(item, &item->request));
}

void StreamState::SetAlarm(absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  if (!to_send_.empty() && not_before_ > now) next = not_before_;
  for (const auto& [key, item] : unanswered_) {
    if (item->session != nullptr) next = std::min(next, item->deadline);
  }
  if (unanswered_.empty()) {
    alarm_ = nullptr;
    alarm_time_ = absl::InfiniteFuture();
  } else if (next < alarm_time_) {
    alarm_time_ = next;
    alarm_ = std::make_unique<grpc::Alarm>();
    // A cancelled alarm calls back too, so the state is always let go.
    alarm_->Set(absl::ToChronoTime(next), [state = shared_from_this()](bool fired) mutable {
      const std::shared_ptr<StreamState> self = std::exchange(state, nullptr);
      if (fired) self->OnAlarm();
    });
  }
}

void StreamState::OnAlarm() {
  {
    MutexLock lock(&mutex_);
    alarm_time_ = absl::InfiniteFuture();
    const absl::Time now = absl::Now();
    std::vector<Key> expired;
    for (const auto& [key, item] : unanswered_) {
      if (item->session != nullptr && item->deadline <= now) expired.push_back(key);
    }
    for (Key key : expired) {
      Complete(key,
               absl::DeadlineExceededError(absl::StrCat(
                   "no answer within ", absl::FormatDuration(transport_->options().deadline))));
    }
    Advance();
  }
  Deliver();
}

void StreamState::OnWritten(StreamSession* session, bool ok) {
  MutexLock lock(&mutex_);
  session->WriteFinished();
  if (!ok) session->CloseWrites();
  Advance();
}

void StreamState::OnAnswer(StreamSession* session,
                           std::shared_ptr<v1::ExtractStreamResponse> answer) {
  {
    MutexLock lock(&mutex_);
    Key key = 0;
    const bool known = absl::SimpleAtoi(answer->id(), &key) && unanswered_.count(key) != 0 &&
                       unanswered_[key]->session == session;
    if (known) {
      failures_in_a_row_ = 0;
      auto result = ToImageFeatures({answer, &answer->result()});
      const auto delay = RetryDelay(result.status(), unanswered_[key].get());
      if (delay.has_value()) {
        Unsend(key, *delay);
        // Behind the others, which may find room where it did not.
        to_send_.push_back(key);
      } else {
        if (result.ok()) transport_->retry().OnSuccess();
        // A refusal that is given up is no answer: the others are refused like it.
        if (!IsRetryable(result.status())) {
          ++answered_;
          refused_since_ = absl::InfiniteFuture();
        }
        Complete(key, std::move(result));
      }
      Advance();
    }
  }
  Deliver();
}

void StreamState::OnReadsEnded(StreamSession* session) {
  MutexLock lock(&mutex_);
  session->CloseWrites();
}

void StreamState::OnClosed(StreamSession* session, const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    sessions_.erase(session);
    changed_.SignalAll();
    const bool was_current = current_ == session;
    if (was_current) current_ = nullptr;
    const bool has_lost =
        std::any_of(unanswered_.begin(), unanswered_.end(),
                    [session](const auto& entry) { return entry.second->session == session; });
    if (ended_.ok() && (has_lost || (was_current && !to_send_.empty()))) OnLost(session, status);
    Advance();
  }
  Deliver();
}

void StreamState::OnLost(StreamSession* session, const absl::Status& status) {
  const absl::Status cause =
      status.ok() ? absl::UnavailableError("the server closed the stream with images unanswered")
                  : status;
  const auto delay = transport_->retry().NextDelay(cause, ++failures_in_a_row_);
  if (!delay.has_value()) return EndLocked(cause);
  std::vector<Key> lost;
  for (const auto& [key, item] : unanswered_) {
    if (item->session == session) lost.push_back(key);
  }
  for (auto key = lost.rbegin(); key != lost.rend(); ++key) {
    if (unanswered_[*key]->attempts < transport_->retry().options().max_attempts) {
      Unsend(*key, *delay);
      to_send_.push_front(*key);
    } else {
      Complete(*key, cause);
    }
  }
  not_before_ = std::max(not_before_, absl::Now() + *delay);
}

}  // namespace radio::client
