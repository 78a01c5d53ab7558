#include "client/cli/embed_run.h"

#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/inputs.h"
#include "client/errors.h"
#include "client/files.h"

namespace radio::client {
namespace {

StreamOptions OptionsFor(const EmbedJob& job, int in_flight) {
  StreamOptions options = job.ToStreamOptions();
  options.max_in_flight = in_flight;
  return options;
}

}  // namespace

bool IsImagesOwnFailure(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (absl::IsInvalidArgument(status)) {
    return reason != "OUTPUT_UNSUPPORTED" && reason != "REQUEST_INVALID";
  }
  return reason == "INFERENCE_FAILED" || reason == "NON_FINITE_OUTPUT";
}

EmbedRun::EmbedRun(const FeatureClient& client, EmbedStore* store, int in_flight,
                   OnStored on_stored)
    : store_(store),
      on_stored_(std::move(on_stored)),
      rows_(store->next(), store->job().size(), 4 * static_cast<int64_t>(in_flight)),
      stream_(
          client.ExtractStream(OptionsFor(store->job(), in_flight),
                               [this](const std::string& id, absl::StatusOr<ImageFeatures> result) {
                                 int64_t index = 0;
                                 if (absl::SimpleAtoi(id, &index))
                                   OnResult(index, std::move(result));
                               })) {}

absl::Status EmbedRun::Run() {
  const int64_t first = store_->next();
  std::thread storing([this] { StoreAll(); });
  for (int64_t index = first; index < store_->job().size() && SendOne(index);) ++index;
  // After Stop nothing will be stored, so nothing is waited for.
  if (rows_.stopped()) stream_->Cancel();
  if (const absl::Status status = stream_->Finish(); !status.ok()) StopQueue(status);
  storing.join();
  MutexLock lock(&mutex_);
  return stopped_;
}

bool EmbedRun::SendOne(int64_t index) {
  if (!rows_.WaitForRoom(index)) return false;
  auto bytes = ReadFile(store_->job().images[index], kMaxImageBytes);
  if (!bytes.ok()) {
    rows_.Put(index, EmbedRow{"", bytes.status()});
    return true;
  }
  {
    const std::string sha256 = Sha256Hex(*bytes);
    MutexLock lock(&mutex_);
    sha256_[index] = sha256;
  }
  v1::Image image;
  *image.mutable_encoded() = *std::move(bytes);
  return stream_->Send(absl::StrCat(index), std::move(image)).ok();
}

void EmbedRun::OnResult(int64_t index, absl::StatusOr<ImageFeatures> result) {
  std::string sha256;
  {
    MutexLock lock(&mutex_);
    sha256 = std::move(sha256_.extract(index).mapped());
  }
  if (!result.ok() && !IsImagesOwnFailure(result.status())) return StopQueue(result.status());
  rows_.Put(index, EmbedRow{std::move(sha256), std::move(result)});
}

void EmbedRun::StoreAll() {
  while (const std::optional<EmbedRow> row = rows_.Take()) {
    if (const absl::Status status = store_->Append(*row); !status.ok()) return Stop(status);
    on_stored_(store_->next(), store_->failed());
  }
}

void EmbedRun::StopQueue(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (stopped_.ok()) stopped_ = status;
  rows_.Stop();
}

void EmbedRun::Stop(const absl::Status& status) {
  StopQueue(status);
  stream_->Cancel();
}

}  // namespace radio::client
