#include "model/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio {
namespace {

// A caller told to come back at once would only be refused again.
constexpr absl::Duration kMinRetryAfter = absl::Milliseconds(10);

absl::Status Refuse(Reason reason, absl::Duration retry_after, absl::string_view message) {
  absl::Status status = MakeError(reason, message);
  SetRetryAfter(&status, std::max(retry_after, kMinRetryAfter));
  return status;
}

}  // namespace

AdmissionPermit& AdmissionPermit::operator=(AdmissionPermit&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(items_, other.items_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

AdmissionPermit::~AdmissionPermit() {
  if (admission_ != nullptr) admission_->Release(items_, bytes_);
}

absl::StatusOr<AdmissionPermit> Admission::Admit(const ModelLoad& load, const Demand& demand) {
  const absl::Duration ahead = load.DelayWith(0);
  const absl::Duration delay = load.DelayWith(demand.cost);

  MutexLock lock(&mutex_);
  // Estimates err and callers need their answers sent: half of the time left is spoken for.
  const int items = items_ + demand.items;
  const bool two_batches =
      load.pending() + demand.cost <= 2 * demand.batch_cost && items <= 2 * demand.batch_images;
  const bool short_queue =
      (two_batches || items <= options_.short_queue_items) && delay <= demand.time_left / 2;
  if (draining_) return MakeError(Reason::kServerDraining, "the server is shutting down");
  if (bytes_ > 0 && bytes_ + demand.bytes > options_.max_bytes) {
    return Refuse(Reason::kMemoryBudgetExceeded, ahead,
                  absl::StrCat("requests and responses hold ", bytes_, " of ", options_.max_bytes,
                               " bytes; this request needs ", demand.bytes));
  }
  if (items_ > 0 && items > options_.max_items) {
    return Refuse(Reason::kQueueFull, ahead / 2,
                  absl::StrCat(items_, " of ", options_.max_items,
                               " images are being served; this request has ", demand.items));
  }
  if (load.pending() > 0 && !short_queue && delay > options_.max_queue_delay) {
    return Refuse(Reason::kQueueFull, delay - options_.max_queue_delay,
                  absl::StrCat("the work ahead takes ", absl::FormatDuration(ahead), "; at most ",
                               absl::FormatDuration(options_.max_queue_delay), " may wait"));
  }
  if (ahead > demand.time_left) {
    return MakeError(Reason::kDeadlineUnmeetable,
                     absl::StrCat("the work ahead takes ", absl::FormatDuration(ahead),
                                  ", the deadline is in ", absl::FormatDuration(demand.time_left)));
  }
  items_ += demand.items;
  bytes_ += demand.bytes;
  return AdmissionPermit(this, demand.items, demand.bytes);
}

void Admission::Drain() {
  MutexLock lock(&mutex_);
  draining_ = true;
}

int Admission::items() const {
  MutexLock lock(&mutex_);
  return items_;
}

int64_t Admission::bytes() const {
  MutexLock lock(&mutex_);
  return bytes_;
}

void Admission::Release(int items, int64_t bytes) {
  MutexLock lock(&mutex_);
  items_ -= items;
  bytes_ -= bytes;
}

}  // namespace radio
