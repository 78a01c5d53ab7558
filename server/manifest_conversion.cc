#include "server/manifest_conversion.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::server {
namespace {

absl::StatusOr<std::vector<float>> Floats(const std::string& bytes, const std::string& field) {
  if (bytes.size() % sizeof(float) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": must be float32 values, has ", bytes.size(), " bytes"));
  }
  std::vector<float> values(bytes.size() / sizeof(float));
  // memcpy may not be given the null pointer of an empty vector.
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

ModelSpec SpecOf(const config::ModelManifest& manifest, const std::string& name) {
  ModelSpec spec;
  spec.name = name;
  spec.version = manifest.version();
  spec.architecture = manifest.architecture();
  spec.precision = manifest.precision();
  spec.license = manifest.license();
  spec.source_sha256 = manifest.source_sha256();
  spec.embedding_space = manifest.embedding_space();
  spec.random_weights = manifest.random_weights();
  spec.patch_size = manifest.patch_size();
  spec.resolution_step = manifest.resolution_step();
  spec.max_resolution = manifest.max_resolution();
  spec.preferred = {manifest.preferred_height(), manifest.preferred_width()};
  if (manifest.has_window_size()) spec.window_size = manifest.window_size();
  std::copy_n(manifest.mean().begin(), 3, spec.mean.begin());
  std::copy_n(manifest.std().begin(), 3, spec.std.begin());
  spec.mixed_sizes = manifest.mixed_sizes();
  spec.num_prefix_tokens = manifest.num_prefix_tokens();
  spec.summary_indices.assign(manifest.summary_indices().begin(), manifest.summary_indices().end());
  spec.default_layout =
      manifest.default_layout() == "NHWC" ? FeatureLayout::kNhwc : FeatureLayout::kNlc;
  spec.outputs.push_back({"backbone", manifest.summary_indices_size() * manifest.feature_dim(),
                          manifest.feature_dim(), /*upsample_factor=*/1});
  for (const config::Adaptor& adaptor : manifest.adaptors()) {
    spec.outputs.push_back(
        {adaptor.name(), adaptor.summary_dim(), adaptor.feature_dim(), adaptor.upsample_factor()});
  }
  return spec;
}

absl::StatusOr<SelfTest> SelfTestOf(const config::ModelManifest& manifest) {
  SelfTest test;
  for (const config::SelfTestImage& image : manifest.self_test().images()) {
    test.images.push_back(
        {{image.height(), image.width()},
         Bytes::Own(std::vector<uint8_t>(image.pixels().begin(), image.pixels().end()))});
  }
  std::vector<std::string> names = {"backbone"};
  for (const config::Adaptor& adaptor : manifest.adaptors()) names.push_back(adaptor.name());
  for (const std::string& name : names) {
    const auto& outputs = manifest.self_test().outputs();
    const auto it = std::find_if(outputs.begin(), outputs.end(),
                                 [&](const auto& output) { return output.adaptor() == name; });
    if (it == outputs.end()) {
      return absl::InvalidArgumentError(absl::StrCat("self_test.outputs: has none for ", name));
    }
    SelfTest::Expected expected;
    RADIO_ASSIGN_OR_RETURN(expected.summary, Floats(it->summary(), "self_test.outputs.summary"));
    RADIO_ASSIGN_OR_RETURN(expected.features, Floats(it->features(), "self_test.outputs.features"));
    test.outputs.push_back(std::move(expected));
  }
  return test;
}

}  // namespace radio::server
