// radio heat: which parts of an image resemble one of its points.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/cli/extract_one.h"
#include "client/errors.h"
#include "client/files.h"
#include "client/pca.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr char kDescription[] =
    "Draw how much each part of an image resembles the part at a point: the cosine of their "
    "features, from black (least) over red and yellow to white (most)";

struct Flags {
  std::string image;
  std::string at;
  std::string out;
  std::string adaptor = "backbone";
  std::string model;
  std::string resize = "nearest";
};

// "X,Y" in pixels of the image, from its upper left corner.
absl::StatusOr<std::pair<int, int>> ParsePoint(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  int x = 0;
  int y = 0;
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &x) && absl::SimpleAtoi(parts[1], &y) &&
      x >= 0 && y >= 0) {
    return std::make_pair(x, y);
  }
  return absl::InvalidArgumentError(absl::StrCat("--at ", text, ": must be X,Y in pixels"));
}

// Cosine of each of the tokens ([tokens, channels]) and one of them; 0 for a token of zeros.
std::vector<float> Cosines(absl::Span<const float> features, size_t channels, size_t token) {
  const auto product = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) {
      sum += static_cast<double>(features[a * channels + c]) * features[b * channels + c];
    }
    return sum;
  };
  std::vector<float> cosines(features.size() / channels);
  for (size_t i = 0; i < cosines.size(); ++i) {
    const double norms = std::sqrt(product(i, i) * product(token, token));
    cosines[i] = norms > 0 ? static_cast<float>(product(i, token) / norms) : 0;
  }
  return cosines;
}

// The range of `values` to black, red, yellow, white: three colours in [0, 1] each.
std::vector<float> Glow(const std::vector<float>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const float range = *high > *low ? *high - *low : 1;
  std::vector<float> colours;
  colours.reserve(values.size() * 3);
  for (float value : values) {
    const float heat = 3 * (value - *low) / range;
    for (float from : {0.0f, 1.0f, 2.0f}) colours.push_back(std::clamp(heat - from, 0.0f, 1.0f));
  }
  return colours;
}

absl::Status Draw(const FeatureClient& client, const Flags& flags,
                  const v1::Preprocessing& preprocessing, std::pair<int, int> point) {
  v1::OutputSpec output;
  output.set_adaptor(flags.adaptor);
  output.set_features(true);
  output.set_layout(v1::FEATURE_LAYOUT_NHWC);
  RADIO_ASSIGN_OR_RETURN(const ImageFeatures image,
                         ExtractOne(client, flags.model, preprocessing, output, flags.image));
  RADIO_ASSIGN_OR_RETURN(const TensorView features, image.Features(flags.adaptor));
  if (features.shape().size() != 3 || features.size() == 0) {
    return absl::InternalError("the server's features are not [h, w, D]");
  }
  const v1::Geometry& size = image.geometry();
  if (point.first >= size.source_width() || point.second >= size.source_height()) {
    return absl::InvalidArgumentError(absl::StrCat("--at ", flags.at, ": the image has ",
                                                   size.source_width(), " x ", size.source_height(),
                                                   " pixels"));
  }
  const auto height = static_cast<int>(features.shape()[0]);
  const auto width = static_cast<int>(features.shape()[1]);
  const int64_t row = static_cast<int64_t>(point.second) * height / size.source_height();
  const int64_t column = static_cast<int64_t>(point.first) * width / size.source_width();
  const std::vector<float> cosines =
      Cosines(features.ToFloat32(), static_cast<size_t>(features.shape()[2]),
              static_cast<size_t>(row * width + column));
  return WriteFileAtomically(
      flags.out,
      EncodePng(Paint(Glow(cosines), height, width, size.source_height(), size.source_width())));
}

int Heat(CommandLine* line, const Flags& flags) {
  const auto preprocessing = ParseResize(flags.resize);
  if (!preprocessing.ok()) return FailUsage(preprocessing.status());
  const auto point = ParsePoint(flags.at);
  if (!point.ok()) return FailUsage(point.status());
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const absl::Status status = Draw(**client, flags, *preprocessing, *point);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

void AddHeat(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand("heat", kDescription);
  auto flags = std::make_shared<Flags>();
  command->add_option("IMAGE", flags->image, "The image")->required();
  command->add_option("--at", flags->at, "The point, in pixels from the upper left corner")
      ->required()
      ->type_name("X,Y");
  command->add_option("--out", flags->out, "The picture")->required()->type_name("FILE.png");
  command->add_option("--adaptor", flags->adaptor, "Whose features")
      ->type_name("NAME")
      ->capture_default_str();
  AddModelOptions(command, &flags->model, &flags->resize);
  command->callback([line, flags] { line->run = [line, flags] { return Heat(line, *flags); }; });
}

}  // namespace radio::client
