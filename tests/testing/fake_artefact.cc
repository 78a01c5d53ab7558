#include "tests/testing/fake_artefact.h"

#include <openssl/sha.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"

namespace radio {
namespace {

constexpr int kSide = 32;
constexpr int kTokens = 4;
// FakeEngine fills its outputs with the first pixel divided by 255.
constexpr char kPixel = 51;
constexpr float kValue = 51 / 255.0f;

std::string Sha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

std::string Filled(size_t count) {
  std::string bytes(count * sizeof(float), '\0');
  for (size_t i = 0; i < count; ++i) std::memcpy(&bytes[i * sizeof(float)], &kValue, sizeof(float));
  return bytes;
}

void SetFile(const std::string& name, config::File* file) {
  file->set_name(name);
  file->set_byte_size(static_cast<int64_t>(name.size()));
  file->set_sha256(Sha256(name));
}

void AddAdaptor(const std::string& name, int summary_dim, int feature_dim,
                config::ModelManifest* manifest) {
  config::Adaptor* adaptor = manifest->add_adaptors();
  adaptor->set_name(name);
  adaptor->set_summary_dim(summary_dim);
  adaptor->set_feature_dim(feature_dim);
  adaptor->set_upsample_factor(1);
  SetFile(absl::StrCat("adaptor_", name, ".pt"), adaptor->mutable_file());
}

void AddExpected(const std::string& name, int summary_dim, int feature_dim,
                 config::ModelManifest* manifest) {
  config::SelfTestOutput* output = manifest->mutable_self_test()->add_outputs();
  output->set_adaptor(name);
  output->set_summary(Filled(summary_dim));
  output->set_features(Filled(static_cast<size_t>(kTokens) * feature_dim));
}

}  // namespace

config::ModelManifest FakeManifest() {
  config::ModelManifest manifest;
  manifest.set_format_version(1);
  manifest.set_version("radio_test");
  manifest.set_architecture("vit_test");
  manifest.set_precision("float32");
  manifest.set_license("none");
  manifest.set_source_sha256(Sha256("checkpoint"));
  manifest.set_embedding_space("test-space");
  manifest.set_patch_size(16);
  manifest.set_resolution_step(16);
  manifest.set_max_resolution(1024);
  manifest.set_preferred_height(64);
  manifest.set_preferred_width(64);
  for (int i = 0; i < 3; ++i) {
    manifest.add_mean(0.5f);
    manifest.add_std(0.5f);
  }
  manifest.set_mixed_sizes(true);
  manifest.set_num_prefix_tokens(2);
  manifest.add_summary_indices(0);
  manifest.set_feature_dim(8);
  manifest.set_default_layout("NLC");
  SetFile("backbone.pt", manifest.mutable_backbone());
  AddAdaptor("clip", 4, 6, &manifest);
  AddAdaptor("sam", 0, 6, &manifest);
  config::SelfTestImage* image = manifest.mutable_self_test()->add_images();
  image->set_height(kSide);
  image->set_width(kSide);
  image->set_pixels(std::string(kSide * kSide * 3, kPixel));
  AddExpected("backbone", 8, 8, &manifest);
  AddExpected("clip", 4, 6, &manifest);
  AddExpected("sam", 0, 6, &manifest);
  return manifest;
}

void WriteFakeArtefact(const std::string& folder, const config::ModelManifest& manifest) {
  mkdir(folder.c_str(), 0755);
  std::string text;
  google::protobuf::TextFormat::PrintToString(manifest, &text);
  std::ofstream(folder + "/manifest.textproto") << text;
  const auto write = [&](const std::string& name) {
    std::ofstream(folder + "/" + name) << name;
    chmod((folder + "/" + name).c_str(), 0644);
  };
  write(manifest.backbone().name());
  for (const config::Adaptor& adaptor : manifest.adaptors()) write(adaptor.file().name());
}

}  // namespace radio
