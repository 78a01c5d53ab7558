#include "client/cli/embed_job.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/files.h"
#include "client/json.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

absl::StatusOr<v1::AdaptorInfo> FindOutput(const std::string& name, const EmbedFlags& flags,
                                           const v1::Model& model) {
  std::vector<std::string> names;
  for (const v1::AdaptorInfo& adaptor : model.adaptors()) {
    names.push_back(adaptor.name());
    if (adaptor.name() != name) continue;
    if (adaptor.summary_dim() > 0 && (adaptor.feature_dim() > 0 || !flags.features)) {
      return adaptor;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("--outputs: ", name, " of ", model.name(), " has no ",
                     adaptor.summary_dim() > 0 ? "features" : "summary"));
  }
  return absl::InvalidArgumentError(absl::StrCat("--outputs: ", model.name(), " has no ", name,
                                                 "; it has ", absl::StrJoin(names, ", ")));
}

}  // namespace

std::string EmbedJob::ToJson() const {
  std::string outputs_json =
      absl::StrJoin(outputs, ",", [this](std::string* out, const v1::AdaptorInfo& output) {
        absl::StrAppend(out, "\n    {\"adaptor\": ", JsonString(output.name()),
                        ", \"summary_dim\": ", output.summary_dim());
        if (features) {
          absl::StrAppend(out, ", \"feature_dim\": ", output.feature_dim(),
                          ", \"upsample_factor\": ", std::max(1, output.upsample_factor()));
        }
        absl::StrAppend(out, "}");
      });
  return absl::StrCat("{\n  \"format\": 1,\n  \"model\": ", JsonString(model),
                      ",\n  \"embedding_space\": ", JsonString(embedding_space),
                      ",\n  \"resize\": ", JsonString(resize), ",\n  \"dtype\": \"",
                      type == NpyType::kFloat32 ? "float32" : "float16", "\",\n  \"outputs\": [",
                      outputs_json, "\n  ],\n  \"images\": ", images.size(),
                      ",\n  \"images_sha256\": \"", Sha256Hex(absl::StrJoin(images, "\n")),
                      "\",\n  \"shard_images\": ", shard_images, "\n}\n");
}

StreamOptions EmbedJob::ToStreamOptions() const {
  StreamOptions options;
  options.model = model;
  options.preprocessing = *ParseResize(resize);
  for (const v1::AdaptorInfo& adaptor : outputs) {
    v1::OutputSpec output;
    output.set_adaptor(adaptor.name());
    output.set_summary(true);
    output.set_features(features);
    output.set_layout(v1::FEATURE_LAYOUT_NLC);
    output.set_data_type(type == NpyType::kFloat32 ? v1::DATA_TYPE_FLOAT32 : v1::DATA_TYPE_FLOAT16);
    options.outputs.push_back(output);
  }
  return options;
}

absl::StatusOr<EmbedJob> PlanEmbed(const EmbedFlags& flags, const v1::Model& model,
                                   std::vector<std::string> images) {
  EmbedJob job;
  job.model = model.name();
  job.embedding_space = model.embedding_space();
  job.features = flags.features;
  job.type = flags.dtype == "float16" ? NpyType::kFloat16 : NpyType::kFloat32;
  job.shard_images = flags.shard_images;
  job.images = std::move(images);
  RADIO_RETURN_IF_ERROR(ParseResize(flags.resize).status());
  job.resize = flags.resize;
  const std::vector<std::string> names = absl::StrSplit(flags.outputs, ',', absl::SkipEmpty());
  for (const std::string& name : names) {
    RADIO_ASSIGN_OR_RETURN(v1::AdaptorInfo output, FindOutput(name, flags, model));
    for (const v1::AdaptorInfo& other : job.outputs) {
      if (other.name() == name) {
        return absl::InvalidArgumentError(absl::StrCat("--outputs: ", name, " is named twice"));
      }
    }
    job.outputs.push_back(std::move(output));
  }
  if (job.outputs.empty()) return absl::InvalidArgumentError("--outputs: names nothing");
  return job;
}

absl::StatusOr<std::vector<std::string>> TakePart(const std::vector<std::string>& images,
                                                  const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  int64_t index = 0;
  int64_t count = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &index) ||
      !absl::SimpleAtoi(parts[1], &count) || index < 0 || index >= count) {
    return absl::InvalidArgumentError(
        absl::StrCat("--shard ", text, ": must be i/n with 0 <= i < n"));
  }
  const auto size = static_cast<int64_t>(images.size());
  return std::vector<std::string>(images.begin() + size * index / count,
                                  images.begin() + size * (index + 1) / count);
}

}  // namespace radio::client
