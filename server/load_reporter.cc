#include "server/load_reporter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "xds/data/orca/v3/orca_load_report.pb.h"

namespace radio::server {
namespace {

// A report is at most so old.
constexpr absl::Duration kRefresh = absl::Milliseconds(100);
// Over about which rates are averages.
constexpr absl::Duration kWindow = absl::Seconds(1);
constexpr double kMinUtilization = 0.01;

bool IsServersFault(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
}

}  // namespace

LoadReporter::LoadReporter(const Clock* clock, Source source)
    : clock_(clock), source_(std::move(source)) {
  const LoadSnapshot snapshot = source_();
  MutexLock lock(&mutex_);
  rates_.time = clock_->Now();
  rates_.busy = snapshot.busy;
  rates_.busy_share.resize(snapshot.busy.size());
  report_ = Serialize(snapshot);
}

void LoadReporter::ImageAnswered(const absl::Status& status) {
  if (status.ok()) {
    done_.fetch_add(1, std::memory_order_relaxed);
  } else if (IsServersFault(status)) {
    failed_.fetch_add(1, std::memory_order_relaxed);
  }
}

std::string LoadReporter::Report() {
  const absl::Time now = clock_->Now();
  {
    MutexLock lock(&mutex_);
    if (refreshing_ || now - rates_.time < kRefresh) return report_;
    refreshing_ = true;
  }
  // Outside the lock: the source takes locks of its own.
  const LoadSnapshot snapshot = source_();
  MutexLock lock(&mutex_);
  Advance(now, snapshot);
  report_ = Serialize(snapshot);
  refreshing_ = false;
  return report_;
}

void LoadReporter::Advance(absl::Time now, const LoadSnapshot& snapshot) {
  const double seconds = absl::ToDoubleSeconds(now - rates_.time);
  const double weight = 1 - std::exp(-seconds / absl::ToDoubleSeconds(kWindow));
  const auto move = [&](double total, double* rate) {
    *rate += weight * (total / seconds - *rate);
  };
  // Engines join while models load.
  for (size_t i = rates_.busy.size(); i < snapshot.busy.size(); ++i) {
    rates_.busy.push_back(snapshot.busy[i]);
  }
  rates_.busy_share.resize(snapshot.busy.size());
  for (size_t i = 0; i < snapshot.busy.size(); ++i) {
    // The source was asked a little after `now`.
    const double busy = absl::ToDoubleSeconds(snapshot.busy[i] - rates_.busy[i]);
    move(std::min(busy, seconds), &rates_.busy_share[i]);
  }
  const int64_t done = done_.load(std::memory_order_relaxed);
  const int64_t failed = failed_.load(std::memory_order_relaxed);
  move(static_cast<double>(done - rates_.done), &rates_.done_rate);
  move(static_cast<double>(failed - rates_.failed), &rates_.failed_rate);
  rates_.time = now;
  rates_.busy = snapshot.busy;
  rates_.done = done;
  rates_.failed = failed;
}

std::string LoadReporter::Serialize(const LoadSnapshot& snapshot) const {
  double busy = 0;
  for (const double share : rates_.busy_share) busy = std::max(busy, share);
  xds::data::orca::v3::OrcaLoadReport report;
  report.set_application_utilization(std::max({busy, snapshot.items_share, kMinUtilization}));
  report.set_rps_fractional(rates_.done_rate);
  report.set_eps(rates_.failed_rate);
  (*report.mutable_utilization())["busy"] = busy;
  (*report.mutable_utilization())["items"] = snapshot.items_share;
  (*report.mutable_utilization())["bytes"] = snapshot.bytes_share;
  (*report.mutable_named_metrics())["queue_depth"] = snapshot.queue_depth;
  (*report.mutable_named_metrics())["queue_oldest_age_seconds"] =
      absl::ToDoubleSeconds(snapshot.queue_age);
  return report.SerializeAsString();
}

}  // namespace radio::server
