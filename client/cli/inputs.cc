#include "client/cli/inputs.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

namespace fs = std::filesystem;

bool LooksLikeImage(const fs::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  for (absl::string_view known : {".jpg", ".jpeg", ".png", ".webp"}) {
    if (extension == known) return true;
  }
  return false;
}

absl::Status AddFolder(const std::string& folder, std::vector<std::string>* images) {
  const size_t begin = images->size();
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::end(entry); entry.increment(error)) {
    std::error_code ignored;  // A dangling link is no image.
    if (LooksLikeImage(entry->path()) && entry->is_regular_file(ignored)) {
      images->push_back(entry->path().string());
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat(folder, ": ", error.message()));
  std::sort(images->begin() + static_cast<std::ptrdiff_t>(begin), images->end());
  if (images->size() == begin) return absl::NotFoundError(absl::StrCat(folder, ": no images"));
  return absl::OkStatus();
}

absl::Status AddPattern(const std::string& pattern, std::vector<std::string>* images) {
  glob_t found{};
  const auto release = absl::MakeCleanup([&found] { globfree(&found); });
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) != 0) {
    return absl::NotFoundError(absl::StrCat(pattern, ": matches nothing"));
  }
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (fs::is_directory(path)) {
      RADIO_RETURN_IF_ERROR(AddFolder(path, images));
    } else {
      images->push_back(path);
    }
  }
  return absl::OkStatus();
}

absl::Status AddPath(const std::string& argument, std::vector<std::string>* images) {
  std::error_code error;
  if (fs::is_directory(argument, error)) return AddFolder(argument, images);
  if (!fs::exists(argument, error) && argument.find_first_of("*?[") != std::string::npos) {
    return AddPattern(argument, images);
  }
  images->push_back(argument);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandInputs(const std::vector<std::string>& arguments,
                                                      std::istream* standard_input) {
  std::vector<std::string> images;
  for (const std::string& argument : arguments) {
    if (argument != "-") {
      RADIO_RETURN_IF_ERROR(AddPath(argument, &images));
      continue;
    }
    for (std::string path; std::getline(*standard_input, path);) {
      if (!path.empty()) images.push_back(path);
    }
  }
  if (images.empty()) return absl::InvalidArgumentError("no images given");
  return images;
}

}  // namespace radio::client
