#include "tests/testing/artefact.h"

#include <algorithm>
#include <cstring>

#include "config/manifest.h"
#include "model/base/status_macros.h"

namespace radio {
namespace {

std::vector<float> Floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

ModelSpec SpecOf(const config::ModelManifest& manifest) {
  ModelSpec spec;
  spec.name = manifest.version();
  spec.version = manifest.version();
  spec.architecture = manifest.architecture();
  spec.precision = manifest.precision();
  spec.patch_size = manifest.patch_size();
  spec.resolution_step = manifest.resolution_step();
  spec.max_resolution = manifest.max_resolution();
  spec.preferred = {manifest.preferred_height(), manifest.preferred_width()};
  spec.mixed_sizes = manifest.mixed_sizes();
  spec.num_prefix_tokens = manifest.num_prefix_tokens();
  spec.summary_indices.assign(manifest.summary_indices().begin(), manifest.summary_indices().end());
  spec.outputs.push_back({"backbone", manifest.feature_dim() * manifest.summary_indices_size(),
                          manifest.feature_dim(), 1});
  for (const config::Adaptor& adaptor : manifest.adaptors()) {
    spec.outputs.push_back({adaptor.name(), adaptor.summary_dim(), adaptor.feature_dim(),
                            std::max(adaptor.upsample_factor(), 1)});
  }
  return spec;
}

SelfTest SelfTestOf(const config::SelfTest& recorded) {
  SelfTest test;
  for (const config::SelfTestImage& image : recorded.images()) {
    const std::string& pixels = image.pixels();
    test.images.push_back({{image.height(), image.width()},
                           Bytes::Own(std::vector<uint8_t>(pixels.begin(), pixels.end()))});
  }
  for (const config::SelfTestOutput& output : recorded.outputs()) {
    test.outputs.push_back({Floats(output.summary()), Floats(output.features())});
  }
  return test;
}

}  // namespace

absl::StatusOr<Artefact> ReadArtefact(const std::string& directory) {
  RADIO_ASSIGN_OR_RETURN(const config::ModelManifest manifest, config::LoadManifest(directory));
  Artefact artefact;
  artefact.directory = directory;
  artefact.spec = SpecOf(manifest);
  artefact.backbone_file = manifest.backbone().name();
  for (const config::Adaptor& adaptor : manifest.adaptors()) {
    artefact.adaptor_files.push_back(adaptor.file().name());
  }
  artefact.self_test = SelfTestOf(manifest.self_test());
  return artefact;
}

}  // namespace radio
