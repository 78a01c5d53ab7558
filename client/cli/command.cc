#include "client/cli/command.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/errors.h"
#include "client/files.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

// The two sides of the first `separator`; the second is empty without one.
std::pair<absl::string_view, absl::string_view> SplitOnce(absl::string_view text, char separator) {
  return absl::StrSplit(text, absl::MaxSplits(separator, 1));
}

bool ParsePixels(absl::string_view text, int* pixels) {
  return absl::SimpleAtoi(text, pixels) && *pixels > 0;
}

bool ParseSize(absl::string_view text, int* height, int* width) {
  const auto [first, second] = SplitOnce(text, 'x');
  return ParsePixels(first, height) && ParsePixels(second, width);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureClient>> CommandLine::Connect() {
  options.deadline = absl::Seconds(deadline_seconds);
  if (attempts > 0) options.retry.max_attempts = attempts;
  if (!token_file.empty()) {
    RADIO_ASSIGN_OR_RETURN(const std::string token, ReadFile(token_file));
    options.token = std::string(absl::StripAsciiWhitespace(token));
  } else if (const char* token = std::getenv("RADIO_TOKEN"); token != nullptr) {
    options.token = std::string(absl::StripAsciiWhitespace(token));
  }
  return FeatureClient::Connect(options);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "radio: %s\n", Describe(status).c_str());
  return kExitFailed;
}

int FailUsage(const absl::Status& status) {
  std::fprintf(stderr, "radio: %s\n", std::string(status.message()).c_str());
  return kExitUsage;
}

void AddModelOption(CLI::App* command, std::string* model) {
  command->add_option("--model", *model, "Name of a served model (default: the server's)")
      ->type_name("NAME");
}

void AddModelOptions(CLI::App* command, std::string* model, std::string* resize) {
  AddModelOption(command, model);
  command->add_option("--resize", *resize, kResizeHelp)->type_name("MODE")->capture_default_str();
}

absl::StatusOr<v1::Preprocessing> ParseResize(const std::string& text) {
  v1::Preprocessing result;
  const auto [mode, value] = SplitOnce(text, '=');
  int height = 0;
  int width = 0;
  if (text == "none") {
    result.set_resize(v1::RESIZE_MODE_UNSPECIFIED);
  } else if (text == "nearest") {
    result.set_resize(v1::RESIZE_MODE_NEAREST_SUPPORTED);
  } else if (text == "preferred") {
    result.set_resize(v1::RESIZE_MODE_PREFERRED);
  } else if (mode == "shortest" && ParsePixels(value, &height)) {
    result.set_resize(v1::RESIZE_MODE_SHORTEST_SIDE);
    result.set_shortest_side(height);
  } else if (mode == "exact" && ParseSize(value, &height, &width)) {
    result.set_resize(v1::RESIZE_MODE_EXACT);
    result.set_height(height);
    result.set_width(width);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--resize ", text, ": must be none, nearest, preferred, exact=HxW or shortest=N"));
  }
  return result;
}

}  // namespace radio::client
