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

using Sizes = std::vector<v1::Preprocessing>;

struct Size2d {
  int height;
  int width;
};

struct PcaFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string adaptor = "backbone";
  int pixels_per_token = 0;
  std::string model;
  std::vector<std::string> resize = {"nearest"};
};

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) * 1e3 + duration.nanos() / 1e6;
}

// One image as the model saw it at several sizes. The components are those of all its tokens
// together, so that a colour means the same at every size.
absl::StatusOr<Picture> Draw(const std::vector<ImageFeatures>& sizes, const PcaFlags& flags) {
  std::vector<float> values;
  std::vector<Size2d> grids;
  int64_t channels = 0;
  for (const ImageFeatures& image : sizes) {
    RADIO_ASSIGN_OR_RETURN(const TensorView features, image.Features(flags.adaptor));
    if (features.shape().size() != 3 || features.size() == 0) {
      return absl::InternalError("the server's features are not [h, w, D]");
    }
    const std::vector<float> more = features.ToFloat32();
    values.insert(values.end(), more.begin(), more.end());
    grids.push_back({static_cast<int>(features.shape()[0]), static_cast<int>(features.shape()[1])});
    channels = features.shape()[2];
  }
  std::vector<float> colours =
      PrincipalComponents(values, static_cast<int64_t>(values.size()) / channels, channels);
  ScaleRobustly(&colours);
  std::vector<Picture> pictures;
  absl::Span<const float> rest = colours;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto [height, width] = grids[i];
    const int scale = flags.pixels_per_token;
    const v1::Geometry& geometry = sizes[i].geometry();
    pictures.push_back(Paint(rest, height, width,
                             scale > 0 ? height * scale : geometry.source_height(),
                             scale > 0 ? width * scale : geometry.source_width()));
    rest.remove_prefix(size_t{3} * height * width);
  }
  return SideBySide(pictures);
}

std::string SummaryText(const TensorView& summary) {
  const std::vector<float> values = summary.ToFloat32();
  std::string text = absl::StrCat("summary[", values.size(), "]");
  for (size_t i = 0; i < values.size() && i < 4; ++i) {
    absl::StrAppendFormat(&text, " %.4f", values[i]);
  }
  return text + (values.size() > 4 ? " ..." : "");
}

absl::Status PrintLine(const std::string& image, const ImageFeatures& features,
                       const std::string& adaptor, const std::string& out) {
  RADIO_ASSIGN_OR_RETURN(const TensorView summary, features.Summary(adaptor));
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

absl::Status DrawOne(const FeatureClient& client, const PcaFlags& flags, const Sizes& sizes,
                     const std::string& image, const std::string& out) {
  v1::OutputSpec output;
  output.set_adaptor(flags.adaptor);
  output.set_summary(true);
  output.set_features(true);
  // [h, w, D]: an adaptor's grid may be finer than the backbone's.
  output.set_layout(v1::FEATURE_LAYOUT_NHWC);
  std::vector<ImageFeatures> seen;
  for (const v1::Preprocessing& size : sizes) {
    RADIO_ASSIGN_OR_RETURN(ImageFeatures features,
                           ExtractOne(client, flags.model, size, output, image));
    seen.push_back(std::move(features));
  }
  RADIO_ASSIGN_OR_RETURN(const Picture picture, Draw(seen, flags));
  RADIO_RETURN_IF_ERROR(WriteFileAtomically(out, EncodePng(picture)));
  for (const ImageFeatures& features : seen) {
    RADIO_RETURN_IF_ERROR(PrintLine(image, features, flags.adaptor, out));
  }
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

int DrawAll(const FeatureClient& client, const PcaFlags& flags, const Sizes& sizes,
            const std::vector<std::string>& images, const std::vector<std::string>& files) {
  size_t failed = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    const absl::Status status = DrawOne(client, flags, sizes, images[i], files[i]);
    if (status.ok()) continue;
    std::fprintf(stderr, "radio: %s: %s\n", images[i].c_str(), Describe(status).c_str());
    ++failed;
  }
  if (failed == 0) return kExitOk;
  return failed == images.size() ? kExitFailed : kExitPartial;
}

int Pca(CommandLine* line, const PcaFlags& flags) {
  Sizes sizes;
  for (const std::string& mode : flags.resize) {
    auto preprocessing = ParseResize(mode);
    if (!preprocessing.ok()) return FailUsage(preprocessing.status());
    sizes.push_back(*std::move(preprocessing));
  }
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const auto images = ExpandInputs(flags.inputs, &std::cin);
  if (!images.ok()) return Fail(images.status());
  const auto files = OutputFiles(*images, flags.out);
  if (!files.ok()) return FailUsage(files.status());
  return DrawAll(**client, flags, sizes, *images, *files);
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
  AddModelOption(command, &flags->model);
  command
      ->add_option("--resize", flags->resize,
                   absl::StrCat(kResizeHelp,
                                "; several, separated by commas, draw the image at each "
                                "size side by side, with the same components"))
      ->type_name("MODE,...")
      ->delimiter(',')
      ->capture_default_str();
  command->callback([line, flags] { line->run = [line, flags] { return Pca(line, *flags); }; });
}

}  // namespace radio::client
