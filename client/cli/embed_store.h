// The folder that `radio embed` fills. Layout (docs/embed.md says how to read it):
//
//   job.json                       what was asked for, of which model
//   <output>-summary-<shard>.npy   [images that succeeded, C]
//   <output>-features-<shard>.npy  [sum of their tokens, D], with --features
//   manifest.jsonl                 one line per image, in input order
//   failed.jsonl                   the lines of images that failed
//
// A shard covers a fixed number of images, in input order. It is complete when its lines are in the
// manifest: everything else is written before them. So a run that was killed at any point leaves a
// folder from which the next goes on, and both together write what one run would have written.
#ifndef RADIO_CLIENT_CLI_EMBED_STORE_H_
#define RADIO_CLIENT_CLI_EMBED_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/embed_job.h"
#include "client/image_features.h"
#include "client/npy.h"

namespace radio::client {

// What became of one image.
struct EmbedRow {
  // Empty when the file could not be read.
  std::string sha256;
  absl::StatusOr<ImageFeatures> result;
};

// Not thread-safe.
class EmbedStore {
 public:
  // Makes the folder. With `resume`, goes on with what an equal job left there.
  // FAILED_PRECONDITION: the folder holds a run and `resume` is not set, or another job's, or
  // another process is writing there.
  static absl::StatusOr<std::unique_ptr<EmbedStore>> Open(const std::string& folder, EmbedJob job,
                                                          bool resume);
  // An unfinished shard is dropped.
  ~EmbedStore();
  EmbedStore(const EmbedStore&) = delete;
  EmbedStore& operator=(const EmbedStore&) = delete;

  // The next row to append; the whole job is stored when it is job().size().
  int64_t next() const { return next_; }
  // Images that failed, among those that count as stored.
  int64_t failed() const { return failed_; }
  const EmbedJob& job() const { return job_; }

  // The row of image next(). INTERNAL when the answer is not what the model's facts promise.
  absl::Status Append(const EmbedRow& row);

 private:
  // One output's arrays of the current shard.
  struct Arrays {
    std::unique_ptr<NpyWriter> summary;
    std::unique_ptr<NpyWriter> features;
  };

  EmbedStore(std::string folder, EmbedJob job);

  // Against a second process.
  absl::Status Lock();
  // Finds the last complete shard and cuts off what came after it.
  absl::Status Resume();
  absl::Status OpenShard();
  // The manifest's line of the row that comes next.
  std::string Line(const EmbedRow& row) const;
  absl::Status AppendOutputs(const ImageFeatures& image);
  absl::Status CloseShard();
  std::string PathOf(const std::string& name) const;

  const std::string folder_;
  const EmbedJob job_;
  int lock_ = -1;
  int64_t next_ = 0;
  int64_t failed_ = 0;

  // Of the current shard.
  std::vector<Arrays> arrays_;
  int64_t tokens_ = 0;
  std::string manifest_lines_;
  std::string failed_lines_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_EMBED_STORE_H_
