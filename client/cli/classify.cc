// radio classify: zero-shot classification against text embeddings.
#include <cstdio>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/class_embeddings.h"
#include "client/cli/command.h"
#include "client/cli/extract_one.h"
#include "client/cli/inputs.h"
#include "client/errors.h"
#include "client/json.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr char kDescription[] =
    "Zero-shot classification: the cosine of each image's summary and the text embeddings of class "
    "names, which `radio-export text` writes.";

struct Flags {
  std::vector<std::string> inputs;
  std::string classes;
  std::string adaptor = "clip";
  int top = 5;
  bool json = false;
  std::string model;
  std::string resize = "nearest";
};

using Scores = std::vector<std::pair<std::string, float>>;

std::string ToText(const std::string& image, const Scores& scores) {
  return absl::StrCat(image, ": ",
                      absl::StrJoin(scores, ", ", [](std::string* out, const auto& score) {
                        absl::StrAppendFormat(out, "%s %.4f", score.first, score.second);
                      }));
}

std::string ToJson(const std::string& image, const Scores& scores) {
  return absl::StrCat("{\"path\": ", JsonString(image), ", \"classes\": [",
                      absl::StrJoin(scores, ", ",
                                    [](std::string* out, const auto& score) {
                                      absl::StrAppendFormat(out, "{\"name\": %s, \"cosine\": %.6f}",
                                                            JsonString(score.first), score.second);
                                    }),
                      "]}");
}

absl::StatusOr<Scores> ClassifyOne(const FeatureClient& client, const Flags& flags,
                                   const v1::Preprocessing& preprocessing,
                                   const ClassEmbeddings& classes, const std::string& image) {
  v1::OutputSpec output;
  output.set_adaptor(flags.adaptor);
  output.set_summary(true);
  RADIO_ASSIGN_OR_RETURN(const ImageFeatures features,
                         ExtractOne(client, flags.model, preprocessing, output, image));
  RADIO_ASSIGN_OR_RETURN(const TensorView summary, features.Summary(flags.adaptor));
  if (summary.size() != classes.channels) {
    return absl::InvalidArgumentError(absl::StrCat("the summary of ", flags.adaptor, " has ",
                                                   summary.size(), " channels, ", flags.classes,
                                                   " has ", classes.channels));
  }
  return classes.Nearest(summary.ToFloat32(), static_cast<size_t>(flags.top));
}

int ClassifyAll(const FeatureClient& client, const Flags& flags,
                const v1::Preprocessing& preprocessing, const ClassEmbeddings& classes,
                const std::vector<std::string>& images) {
  size_t failed = 0;
  for (const std::string& image : images) {
    const auto scores = ClassifyOne(client, flags, preprocessing, classes, image);
    if (scores.ok()) {
      const std::string text = flags.json ? ToJson(image, *scores) : ToText(image, *scores);
      std::printf("%s\n", text.c_str());
      std::fflush(stdout);
    } else {
      std::fprintf(stderr, "radio: %s: %s\n", image.c_str(), Describe(scores.status()).c_str());
      ++failed;
    }
  }
  if (failed == 0) return kExitOk;
  return failed == images.size() ? kExitFailed : kExitPartial;
}

int Classify(CommandLine* line, const Flags& flags) {
  const auto preprocessing = ParseResize(flags.resize);
  if (!preprocessing.ok()) return FailUsage(preprocessing.status());
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const auto classes = ReadClassEmbeddings(flags.classes);
  if (!classes.ok()) return Fail(classes.status());
  if (!classes->space.empty() && classes->space != flags.adaptor) {
    return FailUsage(absl::InvalidArgumentError(absl::StrCat(
        "--adaptor ", flags.adaptor, ": ", flags.classes, " is in the space of ", classes->space)));
  }
  const auto images = ExpandInputs(flags.inputs, &std::cin);
  if (!images.ok()) return Fail(images.status());
  return ClassifyAll(**client, flags, *preprocessing, *classes, *images);
}

}  // namespace

void AddClassify(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand("classify", kDescription);
  auto flags = std::make_shared<Flags>();
  command->add_option("IMAGE", flags->inputs, kInputsHelp)->required();
  command->add_option("--classes", flags->classes, "Text embeddings: .npz, or .npy [classes, C]")
      ->required()
      ->type_name("FILE");
  command->add_option("--adaptor", flags->adaptor, "The teacher whose space they are in")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--top", flags->top, "Classes to show")
      ->check(CLI::Range(1, 1000000))
      ->type_name("K")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "One JSON object a line");
  AddModelOptions(command, &flags->model, &flags->resize);
  command->callback(
      [line, flags] { line->run = [line, flags] { return Classify(line, *flags); }; });
}

}  // namespace radio::client
