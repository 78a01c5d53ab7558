// What one run of `radio embed` computes: everything that its result depends on.
#ifndef RADIO_CLIENT_CLI_EMBED_JOB_H_
#define RADIO_CLIENT_CLI_EMBED_JOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/npy.h"
#include "client/stream_options.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

struct EmbedFlags {
  std::string model;
  // Comma-separated adaptors.
  std::string outputs = "backbone";
  bool features = false;
  std::string resize = "nearest";
  std::string dtype = "float32";
  // Images in one shard of the result.
  int64_t shard_images = 256;
};

struct EmbedJob {
  std::string model;
  std::string embedding_space;
  std::vector<v1::AdaptorInfo> outputs;
  bool features = false;
  std::string resize;
  NpyType type = NpyType::kFloat32;
  int64_t shard_images = 0;
  // Paths, in the order of the result.
  std::vector<std::string> images;

  int64_t size() const { return static_cast<int64_t>(images.size()); }

  // The content of job.json: equal jobs, equal text.
  std::string ToJson() const;

  // The request for each image.
  StreamOptions ToStreamOptions() const;
};

// INVALID_ARGUMENT names the option that is wrong or that `model` does not support.
absl::StatusOr<EmbedJob> PlanEmbed(const EmbedFlags& flags, const v1::Model& model,
                                   std::vector<std::string> images);

// Part `text` = "i/n" (0 <= i < n) of `images`: neighbours stay together, so the parts in order are
// the whole. INVALID_ARGUMENT when `text` is not of that form.
absl::StatusOr<std::vector<std::string>> TakePart(const std::vector<std::string>& images,
                                                  const std::string& text);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_EMBED_JOB_H_
