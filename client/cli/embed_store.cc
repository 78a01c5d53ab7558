#include "client/cli/embed_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/errors.h"
#include "client/files.h"
#include "client/json.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

namespace fs = std::filesystem;

constexpr char kJob[] = "job.json";
constexpr char kManifest[] = "manifest.jsonl";
constexpr char kFailed[] = "failed.jsonl";
// A quote inside a string is escaped, so no path can look like it.
constexpr char kGood[] = "\"status\": \"OK\"";

absl::Status RemoveTemporaries(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (absl::EndsWith(entry.path().string(), kTemporarySuffix)) fs::remove(entry.path(), error);
  }
  if (error) return absl::InternalError(absl::StrCat(folder, ": ", error.message()));
  return absl::OkStatus();
}

absl::Status CheckTensor(const TensorView& tensor, const std::vector<int64_t>& shape, NpyType type,
                         absl::string_view what) {
  const v1::DataType expected =
      type == NpyType::kFloat32 ? v1::DATA_TYPE_FLOAT32 : v1::DATA_TYPE_FLOAT16;
  if (tensor.shape() == absl::MakeConstSpan(shape) && tensor.data_type() == expected) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("the server's ", what, " are not what the model's facts promise"));
}

}  // namespace

EmbedStore::EmbedStore(std::string folder, EmbedJob job)
    : folder_(std::move(folder)), job_(std::move(job)) {}

EmbedStore::~EmbedStore() {
  if (lock_ >= 0) close(lock_);
}

std::string EmbedStore::PathOf(const std::string& name) const {
  return (fs::path(folder_) / name).string();
}

absl::StatusOr<std::unique_ptr<EmbedStore>> EmbedStore::Open(const std::string& folder,
                                                             EmbedJob job, bool resume) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return absl::FailedPreconditionError(absl::StrCat(folder, ": ", error.message()));
  std::unique_ptr<EmbedStore> store(new EmbedStore(folder, std::move(job)));
  RADIO_RETURN_IF_ERROR(store->Lock());
  const std::string job_text = store->job_.ToJson();
  if (!fs::exists(store->PathOf(kJob))) {
    RADIO_RETURN_IF_ERROR(WriteFileAtomically(store->PathOf(kJob), job_text));
  } else if (!resume) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " holds a run already: add --resume, or take another folder"));
  } else {
    RADIO_ASSIGN_OR_RETURN(const std::string earlier, ReadFile(store->PathOf(kJob)));
    if (earlier != job_text) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder, " holds another run (images, options or model differ), see ",
                       store->PathOf(kJob)));
    }
  }
  RADIO_RETURN_IF_ERROR(RemoveTemporaries(folder));
  RADIO_RETURN_IF_ERROR(store->Resume());
  return store;
}

absl::Status EmbedStore::Lock() {
  lock_ = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return ErrnoStatus("cannot open " + folder_);
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("another run is writing to ", folder_));
}

absl::Status EmbedStore::Resume() {
  std::ifstream manifest(PathOf(kManifest), std::ios::binary);
  int64_t complete_size = 0;
  int64_t size = 0;
  int64_t lines = 0;
  std::string failed;
  std::string complete_failed;
  for (std::string line; std::getline(manifest, line) && !manifest.eof();) {
    size += static_cast<int64_t>(line.size()) + 1;
    if (!absl::StrContains(line, kGood)) absl::StrAppend(&failed, line, "\n");
    if (++lines % job_.shard_images != 0 && lines != job_.size()) continue;
    next_ = lines;
    complete_size = size;
    complete_failed = failed;
  }
  failed_ = std::count(complete_failed.begin(), complete_failed.end(), '\n');
  RADIO_RETURN_IF_ERROR(AppendToFile(PathOf(kManifest), ""));
  if (truncate(PathOf(kManifest).c_str(), complete_size) != 0) {
    return ErrnoStatus("cannot truncate " + PathOf(kManifest));
  }
  return WriteFileAtomically(PathOf(kFailed), complete_failed);
}

absl::Status EmbedStore::OpenShard() {
  const int64_t shard = next_ / job_.shard_images;
  arrays_.clear();
  for (const v1::AdaptorInfo& output : job_.outputs) {
    const auto path = [&](const char* kind) {
      return PathOf(absl::StrFormat("%s-%s-%05d.npy", output.name(), kind, shard));
    };
    Arrays arrays;
    RADIO_ASSIGN_OR_RETURN(arrays.summary,
                           NpyWriter::Create(path("summary"), job_.type, output.summary_dim()));
    if (job_.features) {
      RADIO_ASSIGN_OR_RETURN(arrays.features,
                             NpyWriter::Create(path("features"), job_.type, output.feature_dim()));
    }
    arrays_.push_back(std::move(arrays));
  }
  return absl::OkStatus();
}

absl::Status EmbedStore::AppendOutputs(const ImageFeatures& image) {
  const v1::Geometry& size = image.geometry();
  const int64_t tokens = static_cast<int64_t>(size.grid_height()) * size.grid_width();
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const v1::AdaptorInfo& output = job_.outputs[i];
    RADIO_ASSIGN_OR_RETURN(const TensorView summary, image.Summary(output.name()));
    RADIO_RETURN_IF_ERROR(CheckTensor(summary, {output.summary_dim()}, job_.type, "summaries"));
    RADIO_RETURN_IF_ERROR(arrays_[i].summary->Append(summary.bytes()));
    if (!job_.features) continue;
    const int64_t factor = std::max(1, output.upsample_factor());
    RADIO_ASSIGN_OR_RETURN(const TensorView features, image.Features(output.name()));
    RADIO_RETURN_IF_ERROR(CheckTensor(features, {tokens * factor * factor, output.feature_dim()},
                                      job_.type, "features"));
    RADIO_RETURN_IF_ERROR(arrays_[i].features->Append(features.bytes()));
  }
  tokens_ += tokens;
  return absl::OkStatus();
}

std::string EmbedStore::Line(const EmbedRow& row) const {
  std::string line =
      absl::StrCat("{\"path\": ", JsonString(job_.images[next_]),
                   ", \"sha256\": ", row.sha256.empty() ? "null" : JsonString(row.sha256));
  if (row.result.ok()) {
    const v1::Geometry& size = row.result->geometry();
    absl::StrAppend(
        &line, ", \"width\": ", size.source_width(), ", \"height\": ", size.source_height(),
        ", \"shard\": ", next_ / job_.shard_images, ", \"row\": ", arrays_[0].summary->rows());
    if (job_.features) {
      absl::StrAppend(&line, ", \"grid_height\": ", size.grid_height(),
                      ", \"grid_width\": ", size.grid_width(), ", \"first_token\": ", tokens_);
    }
    absl::StrAppend(&line, ", ", kGood, ", \"error\": null");
  } else {
    const absl::Status& status = row.result.status();
    absl::StrAppend(&line, ", \"width\": null, \"height\": null, \"shard\": null, \"row\": null");
    absl::StrAppend(&line, ", \"status\": ", JsonString(absl::StatusCodeToString(status.code())),
                    ", \"error\": ", JsonString(Describe(status)));
  }
  return absl::StrCat(line, ", \"embedding_space\": ", JsonString(job_.embedding_space), "}\n");
}

absl::Status EmbedStore::Append(const EmbedRow& row) {
  if (next_ % job_.shard_images == 0) RADIO_RETURN_IF_ERROR(OpenShard());
  const std::string line = Line(row);
  if (row.result.ok()) {
    RADIO_RETURN_IF_ERROR(AppendOutputs(*row.result));
  } else {
    failed_lines_ += line;
    ++failed_;
  }
  manifest_lines_ += line;
  ++next_;
  if (next_ % job_.shard_images == 0 || next_ == job_.size()) return CloseShard();
  return absl::OkStatus();
}

absl::Status EmbedStore::CloseShard() {
  for (const Arrays& arrays : arrays_) {
    RADIO_RETURN_IF_ERROR(arrays.summary->Commit());
    if (job_.features) RADIO_RETURN_IF_ERROR(arrays.features->Commit());
  }
  arrays_.clear();
  RADIO_RETURN_IF_ERROR(AppendToFile(PathOf(kFailed), failed_lines_));
  RADIO_RETURN_IF_ERROR(AppendToFile(PathOf(kManifest), manifest_lines_));
  failed_lines_.clear();
  manifest_lines_.clear();
  tokens_ = 0;
  return absl::OkStatus();
}

}  // namespace radio::client
