#include "model/admission.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio {
namespace {

// A caller told to come back at once would only be refused again.
constexpr absl::Duration kMinRetryAfter = absl::Milliseconds(10);

// Left free for clients that hold little: by one that is alone, and by one that is not.
constexpr double kFreeBesideOne = 1.0 / 8;
constexpr double kFreeBesideMany = 1.0 / 4;

// In how long what is `ahead` will have shrunk by `excess` of `taken`.
absl::Duration DrainTime(absl::Duration ahead, double excess, double taken) {
  if (excess <= 0) return absl::ZeroDuration();
  return std::max(kMinRetryAfter, ahead * std::min(1.0, excess / std::max(taken, 1e-9)));
}

absl::Status Refuse(Reason reason, absl::Duration retry_after, absl::string_view message) {
  absl::Status status = MakeError(reason, message);
  SetRetryAfter(&status, std::max(retry_after, kMinRetryAfter));
  return status;
}

}  // namespace

AdmissionPermit& AdmissionPermit::operator=(AdmissionPermit&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(client_, other.client_);
  std::swap(items_, other.items_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

AdmissionPermit::~AdmissionPermit() {
  if (admission_ != nullptr) admission_->Release(client_, items_, bytes_);
}

double Admission::Excess(const Room& room, bool alone) const {
  const double taken = room.taken + room.asked;
  const double mine = room.mine + room.asked;
  const double free = std::floor(room.limit * (alone ? kFreeBesideOne : kFreeBesideMany));
  const double over_share = mine - std::max(1.0, room.limit * options_.client_share);
  const double over_common = taken - (room.limit - free);
  return std::max({0.0, taken - room.limit, std::min(over_share, over_common)});
}

absl::Duration Admission::QueueFullFor(const ModelLoad::Snapshot& load, const Demand& demand,
                                       const Holding& mine) const {
  if (load.pending <= 0) return absl::ZeroDuration();
  const bool alone = mine.items == all_.items;
  const auto drain = [&](double limit, double taken, double my, double asked) {
    return DrainTime(load.DelayWith(0), Excess({limit, taken, my, asked}, alone), taken);
  };
  const auto drain_cost = [&](double limit) {
    return drain(limit, load.pending, load.pending_of_client, demand.cost);
  };
  const auto drain_items = [&](double limit) {
    return drain(limit, all_.items, mine.items, demand.items);
  };
  if (load.seconds_per_cost <= 0) return absl::ZeroDuration();
  const absl::Duration full =
      drain_cost(absl::ToDoubleSeconds(options_.max_queue_delay) / load.seconds_per_cost);
  // Estimates err and callers need their answers sent: half of the time left is spoken for.
  if (load.DelayWith(demand.cost) > demand.time_left / 2) return full;
  const absl::Duration two_batches =
      std::max(drain_cost(2 * demand.batch_cost), drain_items(2.0 * demand.batch_images));
  return std::min({full, two_batches, drain_items(options_.short_queue_items)});
}

absl::StatusOr<AdmissionPermit> Admission::Admit(const ModelLoad& model, const Demand& demand) {
  const ModelLoad::Snapshot load = model.Look(demand.client);
  const absl::Duration ahead = load.DelayWith(0);

  MutexLock lock(&mutex_);
  if (draining_) return MakeError(Reason::kServerDraining, "the server is shutting down");
  const auto found = clients_.find(demand.client);
  const Holding mine = found == clients_.end() ? Holding{} : found->second;
  const bool alone = mine.items == all_.items;
  const auto amount = [](int64_t value) { return static_cast<double>(value); };
  const double bytes = Excess(
      {amount(options_.max_bytes), amount(all_.bytes), amount(mine.bytes), amount(demand.bytes)},
      alone);
  if (all_.bytes > 0 && bytes > 0) {
    return Refuse(
        Reason::kMemoryBudgetExceeded, DrainTime(ahead, bytes, amount(all_.bytes)),
        absl::StrCat("requests and responses hold ", all_.bytes, " of ", options_.max_bytes,
                     " bytes, this client's ", mine.bytes, "; this request needs ", demand.bytes));
  }
  const double items = Excess(
      {amount(options_.max_items), amount(all_.items), amount(mine.items), amount(demand.items)},
      alone);
  if (all_.items > 0 && items > 0) {
    return Refuse(Reason::kQueueFull, DrainTime(ahead, items, amount(all_.items)),
                  absl::StrCat(all_.items, " of ", options_.max_items,
                               " images are being served, of this client ", mine.items,
                               "; this request has ", demand.items));
  }
  if (const absl::Duration wait = QueueFullFor(load, demand, mine); wait > absl::ZeroDuration()) {
    return Refuse(Reason::kQueueFull, wait,
                  absl::StrCat("the work ahead takes ", absl::FormatDuration(ahead), "; at most ",
                               absl::FormatDuration(options_.max_queue_delay), " may wait"));
  }
  if (ahead > demand.time_left) {
    return MakeError(Reason::kDeadlineUnmeetable,
                     absl::StrCat("the work ahead takes ", absl::FormatDuration(ahead),
                                  ", the deadline is in ", absl::FormatDuration(demand.time_left)));
  }
  for (Holding* holding : {&all_, &clients_[demand.client]}) {
    holding->items += demand.items;
    holding->bytes += demand.bytes;
  }
  return AdmissionPermit(this, demand.client, demand.items, demand.bytes);
}

void Admission::Drain() {
  MutexLock lock(&mutex_);
  draining_ = true;
}

int Admission::items() const {
  MutexLock lock(&mutex_);
  return all_.items;
}

int64_t Admission::bytes() const {
  MutexLock lock(&mutex_);
  return all_.bytes;
}

int Admission::clients() const {
  MutexLock lock(&mutex_);
  return static_cast<int>(clients_.size());
}

void Admission::Release(ClientId client, int items, int64_t bytes) {
  MutexLock lock(&mutex_);
  const auto mine = clients_.find(client);
  for (Holding* holding : {&all_, &mine->second}) {
    holding->items -= items;
    holding->bytes -= bytes;
  }
  if (mine->second.items == 0) clients_.erase(mine);
}

}  // namespace radio
