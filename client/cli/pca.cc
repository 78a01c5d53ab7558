// radio pca: an image's features as a picture.
#include "client/pca.h"

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/extract_one.h"
#include "client/cli/inputs.h"
#include "client/errors.h"
#include "client/files.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

namespace fs = std::filesystem;

struct PcaFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string adaptor = "backbone";
  int pixels_per_token = 0;
  std::string model;
  std::string resize = "nearest";
};

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) * 1e3 + duration.nanos() / 1e6;
}

absl::StatusOr<Picture> Draw(const ImageFeatures& image, const PcaFlags& flags) {
  RADIO_ASSIGN_OR_RETURN(const TensorView features, image.Features(flags.adaptor));
  if (features.shape().size() != 3 || features.size() == 0) {
    return absl::InternalError("the server's features are not [h, w, D]");
  }
  const auto height = static_cast<int>(features.shape()[0]);
  const auto width = static_cast<int>(features.shape()[1]);
  std::vector<float> colours = PrincipalComponents(
      features.ToFloat32(), static_cast<int64_t>(height) * width, features.shape()[2]);
  ScaleRobustly(&colours);
  const int scale = flags.pixels_per_token;
  return scale > 0 ? Paint(colours, height, width, height * scale, width * scale)
                   : Paint(colours, height, width, image.geometry().source_height(),
                           image.geometry().source_width());
}

std::string SummaryText(const TensorView& summary) {
  const std::vector<float> values = summary.ToFloat32();
  std::string text = absl::StrCat("summary[", values.size(), "]");
  for (size_t i = 0; i < values.size() && i < 4; ++i) {
    absl::StrAppendFormat(&text, " %.4f", values[i]);
  }
  return text + (values.size() > 4 ? " ..." : "");
}

absl::Status DrawOne(const FeatureClient& client, const PcaFlags& flags,
                     const v1::Preprocessing& preprocessing, const std::string& image,
                     const std::string& out) {
  v1::OutputSpec output;
  output.set_adaptor(flags.adaptor);
  output.set_summary(true);
  output.set_features(true);
  // [h, w, D]: an adaptor's grid may be finer than the backbone's.
  output.set_layout(v1::FEATURE_LAYOUT_NHWC);
  RADIO_ASSIGN_OR_RETURN(const ImageFeatures features,
                         ExtractOne(client, flags.model, preprocessing, output, image));
  RADIO_ASSIGN_OR_RETURN(const TensorView summary, features.Summary(flags.adaptor));
  RADIO_ASSIGN_OR_RETURN(const Picture picture, Draw(features, flags));
  RADIO_RETURN_IF_ERROR(WriteFileAtomically(out, EncodePng(picture)));
  const v1::Geometry& size = features.geometry();
  const v1::Timings& time = features.timings();
  std::printf(
      "%s: %d x %d px, seen as %d x %d, grid %d x %d, %s, "
      "queue %.1f ms, preprocess %.1f ms, inference %.1f ms -> %s\n",
      image.c_str(), size.source_width(), size.source_height(), size.model_width(),
      size.model_height(), size.grid_width(), size.grid_height(), SummaryText(summary).c_str(),
      Milliseconds(time.queue()), Milliseconds(time.preprocess()), Milliseconds(time.inference()),
      out.c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

// One picture file per image. INVALID_ARGUMENT when several images would share one.
absl::StatusOr<std::vector<std::string>> OutputFiles(const std::vector<std::string>& images,
                                                     const std::string& out) {
  const bool is_file = absl::EndsWith(out, ".png");
  std::vector<std::string> files;
  std::map<std::string, std::string> owner;
  for (const std::string& image : images) {
    const fs::path named = fs::path(out) / (fs::path(image).stem().string() + ".png");
    files.push_back(is_file ? out : named.string());
    const auto [entry, inserted] = owner.emplace(files.back(), image);
    if (!inserted) {
      return absl::InvalidArgumentError(
          absl::StrCat(entry->second, " and ", image, " would both become ", files.back()));
    }
  }
  std::error_code error;
  if (!is_file) fs::create_directories(out, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(out, ": ", error.message()));
  return files;
}

int DrawAll(const FeatureClient& client, const PcaFlags& flags,
            const v1::Preprocessing& preprocessing, const std::vector<std::string>& images,
            const std::vector<std::string>& files) {
  size_t failed = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    const absl::Status status = DrawOne(client, flags, preprocessing, images[i], files[i]);
    if (status.ok()) continue;
    std::fprintf(stderr, "radio: %s: %s\n", images[i].c_str(), Describe(status).c_str());
    ++failed;
  }
  if (failed == 0) return kExitOk;
  return failed == images.size() ? kExitFailed : kExitPartial;
}

int Pca(CommandLine* line, const PcaFlags& flags) {
  const auto preprocessing = ParseResize(flags.resize);
  if (!preprocessing.ok()) return FailUsage(preprocessing.status());
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const auto images = ExpandInputs(flags.inputs, &std::cin);
  if (!images.ok()) return Fail(images.status());
  const auto files = OutputFiles(*images, flags.out);
  if (!files.ok()) return FailUsage(files.status());
  return DrawAll(**client, flags, *preprocessing, *images, *files);
}

}  // namespace

void AddPca(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand(
      "pca", "Draw the first three principal components of each image's features");
  auto flags = std::make_shared<PcaFlags>();
  command->add_option("IMAGE", flags->inputs, kInputsHelp)->required();
  command->add_option("--out", flags->out, "A .png file, or a folder for one picture per image")
      ->required()
      ->type_name("PATH");
  command->add_option("--adaptor", flags->adaptor, "Whose features")
      ->type_name("NAME")
      ->capture_default_str();
  command
      ->add_option("--pixels-per-token", flags->pixels_per_token,
                   "Size of the picture (default: that of the image)")
      ->check(CLI::Range(1, 256));
  AddModelOptions(command, &flags->model, &flags->resize);
  command->callback([line, flags] { line->run = [line, flags] { return Pca(line, *flags); }; });
}

}  // namespace radio::client
