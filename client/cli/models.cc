// radio models: what the server serves.
#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"

namespace radio::client {
namespace {

std::string ToJson(const std::vector<v1::Model>& models) {
  v1::ListModelsResponse message;
  for (const v1::Model& model : models) *message.add_models() = model;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

std::string ToText(const v1::AdaptorInfo& adaptor) {
  std::string text = adaptor.name();
  if (adaptor.summary_dim() > 0) absl::StrAppend(&text, ", summary [", adaptor.summary_dim(), "]");
  if (adaptor.feature_dim() > 0) {
    absl::StrAppend(&text, ", features [T, ", adaptor.feature_dim(), "]");
  }
  if (adaptor.upsample_factor() > 1) {
    absl::StrAppend(&text, ", ", adaptor.upsample_factor(), " tokens per side of a patch");
  }
  return text;
}

std::string ToText(const v1::Model& model) {
  std::string text = absl::StrFormat(
      "%s%s\n"
      "  version  %s, %s, %s\n"
      "  sizes    multiples of %d up to %d px, preferred %d x %d, patch %d\n",
      model.name(), model.ready() ? "" : " (not ready)", model.version(), model.architecture(),
      model.precision(), model.resolution_step(), model.max_resolution(), model.preferred_height(),
      model.preferred_width(), model.patch_size());
  for (const v1::AdaptorInfo& adaptor : model.adaptors()) {
    absl::StrAppend(&text, "  output   ", ToText(adaptor), "\n");
  }
  absl::StrAppend(&text, "  space    ", model.embedding_space(), "\n");
  absl::StrAppend(&text, "  licence  ", model.license(), "\n");
  return text;
}

int Models(CommandLine* line, bool json) {
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const auto models = (*client)->ListModels();
  if (!models.ok()) return Fail(models.status());
  if (json) {
    std::fputs(ToJson(*models).c_str(), stdout);
  } else {
    for (const v1::Model& model : *models) std::fputs(ToText(model).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace

void AddModels(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand("models", "List the served models and their facts");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print radio.v1.ListModelsResponse as JSON");
  command->callback([line, json] { line->run = [line, json] { return Models(line, *json); }; });
}

}  // namespace radio::client
