#include "model/quarantine.h"

#include <optional>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio {

Quarantine::Key Quarantine::KeyOf(absl::string_view model, const Bytes& image) {
  const absl::string_view text(reinterpret_cast<const char*>(image.data.data()), image.data.size());
  return {absl::HashOf(model, text), text.size()};
}

bool Quarantine::Empty() {
  MutexLock lock(&mutex_);
  ForgetExpired();
  return entries_.empty();
}

absl::Status Quarantine::Check(absl::string_view model, const Bytes& image) {
  if (Empty()) return absl::OkStatus();
  const Key key = KeyOf(model, image);
  MutexLock lock(&mutex_);
  ForgetExpired();
  const auto found = index_.find(key);
  if (found == index_.end() || found->second->failures < options_.strikes) return absl::OkStatus();
  ++refused_;
  const Entry& entry = *found->second;
  const absl::Duration left = options_.period - (clock_->Now() - entry.last);
  return MakeError(
      *ReasonOf(entry.error),
      absl::StrCat("the same image failed ", entry.failures, " times; it is not run for another ",
                   absl::ToInt64Seconds(absl::Ceil(left, absl::Seconds(1))), " s"));
}

void Quarantine::Record(absl::string_view model, const Bytes& image, const absl::Status& outcome) {
  const std::optional<Reason> reason = ReasonOf(outcome);
  if (reason != Reason::kInferenceFailed && reason != Reason::kNonFiniteOutput) return;
  const Key key = KeyOf(model, image);
  MutexLock lock(&mutex_);
  ForgetExpired();
  Entry entry{key, outcome, 1, clock_->Now()};
  if (const auto found = index_.find(key); found != index_.end()) {
    entry.failures += found->second->failures;
    entries_.erase(found->second);
  }
  index_[key] = entries_.insert(entries_.end(), std::move(entry));
  if (entries_.size() > options_.max_images) {
    index_.erase(entries_.front().key);
    entries_.pop_front();
  }
}

int64_t Quarantine::refused() const {
  MutexLock lock(&mutex_);
  return refused_;
}

void Quarantine::ForgetExpired() {
  while (!entries_.empty() && Expired(entries_.front())) {
    index_.erase(entries_.front().key);
    entries_.pop_front();
  }
}

}  // namespace radio
