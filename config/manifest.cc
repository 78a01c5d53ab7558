#include "config/manifest.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/checker.h"
#include "config/load.h"
#include "model/base/status_macros.h"

namespace radio::config {
namespace {

constexpr int kFormatVersion = 1;
constexpr char kFileName[] = "/manifest.textproto";
// Self-test outputs travel as text: escaped bytes, up to four characters each.
constexpr size_t kMaxManifestBytes = size_t{1} << 30;
// No known model comes near; beyond them sizes could overflow.
constexpr int kMaxSide = 1 << 16;
constexpr int kMaxChannels = 1 << 20;

bool IsSha256(absl::string_view text) {
  if (text.size() != 64) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c) && (c < 'a' || c > 'f')) return false;
  }
  return true;
}

void CheckFile(const File& file, const std::string& path, Checker* checker) {
  const std::string& name = file.name();
  checker->Require(
      !name.empty() && name.find('/') == std::string::npos && name[0] != '.' &&
          name.find('\0') == std::string::npos,
      path + ".name",
      absl::StrCat("must be a file name without a path, is \"", absl::CEscape(name), "\""));
  checker->Require(
      IsSha256(file.sha256()), path + ".sha256",
      absl::StrCat("must be 64 lower-case hexadecimal digits, is \"", file.sha256(), "\""));
  checker->Require(file.byte_size() > 0, path + ".byte_size",
                   absl::StrCat("must be positive, is ", file.byte_size()));
}

void CheckInputRules(const ModelManifest& manifest, Checker* checker) {
  checker->RequireBetween(manifest.patch_size(), 1, 1024, "patch_size");
  checker->RequireBetween(manifest.resolution_step(), 1, kMaxSide, "resolution_step");
  checker->RequireBetween(manifest.max_resolution(), 1, kMaxSide, "max_resolution");
  const int step = manifest.resolution_step();
  if (manifest.patch_size() > 0 && step > 0) {
    checker->Require(
        step % manifest.patch_size() == 0, "resolution_step",
        absl::StrCat("must be a multiple of patch_size (", manifest.patch_size(), "), is ", step));
    checker->Require(manifest.max_resolution() >= step, "max_resolution",
                     absl::StrCat("must not be below resolution_step (", step, "), is ",
                                  manifest.max_resolution()));
  }
  for (const auto& [side, path] : {std::pair(manifest.preferred_height(), "preferred_height"),
                                   std::pair(manifest.preferred_width(), "preferred_width")}) {
    checker->Require(side > 0 && step > 0 && side % step == 0 && side <= manifest.max_resolution(),
                     path,
                     absl::StrCat("must be a multiple of resolution_step (", step,
                                  ") and not above max_resolution, is ", side));
  }
  if (manifest.has_window_size()) {
    checker->RequireBetween(manifest.window_size(), 1, kMaxSide, "window_size");
  }
  checker->Require(manifest.mean_size() == 3, "mean", "must have three values");
  checker->Require(manifest.std_size() == 3, "std", "must have three values");
  for (const float value : manifest.mean()) {
    checker->Require(std::isfinite(value), "mean", "must be finite");
  }
  for (const float value : manifest.std()) {
    checker->Require(std::isfinite(value) && value > 0, "std", "must be positive");
  }
}

void CheckOutputRules(const ModelManifest& manifest, Checker* checker) {
  checker->RequireBetween(manifest.num_prefix_tokens(), 1, 1024, "num_prefix_tokens");
  checker->RequireBetween(manifest.feature_dim(), 1, kMaxChannels, "feature_dim");
  checker->Require(manifest.summary_indices_size() > 0, "summary_indices",
                   "must have at least one entry");
  for (const int index : manifest.summary_indices()) {
    checker->RequireBetween(index, 0, manifest.num_prefix_tokens() - 1, "summary_indices");
  }
  checker->RequireOneOf(manifest.default_layout(), {"NLC", "NHWC"}, "default_layout");
  CheckFile(manifest.backbone(), "backbone", checker);
  std::set<std::string> names = {"", "backbone"};
  std::set<std::string> files = {manifest.backbone().name()};
  for (int i = 0; i < manifest.adaptors_size(); ++i) {
    const Adaptor& adaptor = manifest.adaptors(i);
    const std::string path = absl::StrCat("adaptors[", i, "]");
    checker->Require(
        names.insert(adaptor.name()).second, path + ".name",
        absl::StrCat("must be unique and not \"backbone\", is \"", adaptor.name(), "\""));
    CheckFile(adaptor.file(), path + ".file", checker);
    checker->Require(files.insert(adaptor.file().name()).second, path + ".file.name",
                     absl::StrCat("\"", adaptor.file().name(), "\" is used before"));
    checker->RequireBetween(adaptor.summary_dim(), 0, kMaxChannels, path + ".summary_dim");
    checker->RequireBetween(adaptor.feature_dim(), 0, kMaxChannels, path + ".feature_dim");
    checker->Require(adaptor.summary_dim() > 0 || adaptor.feature_dim() > 0, path,
                     "must have a summary or features");
    checker->RequireBetween(adaptor.upsample_factor(), 1, 64, path + ".upsample_factor");
  }
}

void CheckSelfTest(const ModelManifest& manifest, Checker* checker) {
  const SelfTest& test = manifest.self_test();
  checker->Require(test.images_size() > 0, "self_test.images", "at least one must be given");
  for (int i = 0; i < test.images_size(); ++i) {
    const SelfTestImage& image = test.images(i);
    const std::string path = absl::StrCat("self_test.images[", i, "]");
    checker->RequireBetween(image.height(), 1, kMaxSide, path + ".height");
    checker->RequireBetween(image.width(), 1, kMaxSide, path + ".width");
    checker->Require(
        static_cast<int64_t>(image.pixels().size()) == int64_t{3} * image.height() * image.width(),
        path + ".pixels",
        absl::StrCat("must have height * width * 3 bytes, has ", image.pixels().size()));
  }
  checker->Require(test.outputs_size() == 1 + manifest.adaptors_size(), "self_test.outputs",
                   absl::StrCat("must have one entry for the backbone and for each adaptor, has ",
                                test.outputs_size()));
}

}  // namespace

std::vector<std::string> ManifestViolations(const ModelManifest& manifest) {
  Checker checker;
  if (manifest.format_version() != kFormatVersion) {
    // A later layout may mean anything by the other fields.
    checker.Require(false, "format_version",
                    absl::StrCat("must be ", kFormatVersion, ", is ", manifest.format_version()));
    return checker.Take();
  }
  checker.Require(!manifest.version().empty(), "version", "must be given");
  checker.Require(!manifest.embedding_space().empty(), "embedding_space", "must be given");
  checker.RequireOneOf(manifest.precision(), {"float32", "bfloat16"}, "precision");
  checker.Require(manifest.random_weights() ? manifest.source_sha256().empty()
                                            : IsSha256(manifest.source_sha256()),
                  "source_sha256",
                  "must be 64 lower-case hexadecimal digits, or empty for random weights");
  CheckInputRules(manifest, &checker);
  CheckOutputRules(manifest, &checker);
  CheckSelfTest(manifest, &checker);
  return checker.Take();
}

absl::StatusOr<ModelManifest> LoadManifest(const std::string& folder) {
  const std::string path = folder + kFileName;
  // It says what the other files must be, so it must be as hard to replace.
  RADIO_ASSIGN_OR_RETURN(const TrustedFile file, TrustedFile::Open(path));
  RADIO_ASSIGN_OR_RETURN(const std::string text, ReadFile(file.path(), kMaxManifestBytes));
  ModelManifest manifest;
  RADIO_RETURN_IF_ERROR(ParseText(text, path, &manifest));
  const std::vector<std::string> violations = ManifestViolations(manifest);
  if (violations.empty()) return manifest;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", absl::StrJoin(violations, absl::StrCat("\n", path, ": "))));
}

absl::StatusOr<std::vector<TrustedFile>> OpenFiles(const std::string& folder,
                                                   const ModelManifest& manifest) {
  std::vector<TrustedFile> files;
  const auto open_verified = [&](const File& file) -> absl::Status {
    RADIO_ASSIGN_OR_RETURN(TrustedFile opened,
                           TrustedFile::Open(absl::StrCat(folder, "/", file.name())));
    RADIO_RETURN_IF_ERROR(opened.Verify(file.byte_size(), file.sha256()));
    files.push_back(std::move(opened));
    return absl::OkStatus();
  };
  RADIO_RETURN_IF_ERROR(open_verified(manifest.backbone()));
  for (const Adaptor& adaptor : manifest.adaptors()) {
    RADIO_RETURN_IF_ERROR(open_verified(adaptor.file()));
  }
  return files;
}

}  // namespace radio::config
