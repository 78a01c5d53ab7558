#include "config/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "google/protobuf/text_format.h"

namespace radio::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Well-formed, of no file in particular.
constexpr char kDigest[] = "5ec1f7e700f37c3d0b2981f1a1e9f9f3a0bd6dfb1e9ac5a9e7b8a7e8e3cb5f0e";

ModelManifest Valid() {
  ModelManifest manifest;
  manifest.set_format_version(1);
  manifest.set_version("radio_v2.5-b");
  manifest.set_precision("float32");
  manifest.set_embedding_space("space");
  manifest.set_source_sha256(kDigest);
  manifest.set_patch_size(16);
  manifest.set_resolution_step(16);
  manifest.set_max_resolution(2048);
  manifest.set_preferred_height(768);
  manifest.set_preferred_width(768);
  for (int i = 0; i < 3; ++i) {
    manifest.add_mean(0.5f);
    manifest.add_std(0.25f);
  }
  manifest.set_num_prefix_tokens(8);
  manifest.add_summary_indices(0);
  manifest.set_feature_dim(48);
  manifest.set_default_layout("NLC");
  manifest.mutable_backbone()->set_name("backbone.pt");
  manifest.mutable_backbone()->set_sha256(kDigest);
  manifest.mutable_backbone()->set_byte_size(7);
  Adaptor* clip = manifest.add_adaptors();
  clip->set_name("clip");
  *clip->mutable_file() = manifest.backbone();
  clip->mutable_file()->set_name("adaptor_clip.pt");
  clip->set_summary_dim(4);
  clip->set_upsample_factor(1);
  SelfTestImage* image = manifest.mutable_self_test()->add_images();
  image->set_height(16);
  image->set_width(16);
  image->set_pixels(std::string(16 * 16 * 3, 'x'));
  manifest.mutable_self_test()->add_outputs()->set_adaptor("backbone");
  manifest.mutable_self_test()->add_outputs()->set_adaptor("clip");
  return manifest;
}

TEST(ManifestTest, AWellFormedManifestHasNoViolations) {
  EXPECT_THAT(ManifestViolations(Valid()), IsEmpty());
}

TEST(ManifestTest, AnotherFormatVersionIsRefusedWithoutFurtherComplaint) {
  ModelManifest manifest;
  manifest.set_format_version(2);
  EXPECT_THAT(ManifestViolations(manifest), ElementsAre("format_version: must be 1, is 2"));
}

TEST(ManifestTest, FileNamesWithPathsAreRefused) {
  for (const char* name : {"", "../backbone.pt", "/etc/passwd", "a/b", "..", ".hidden"}) {
    ModelManifest manifest = Valid();
    manifest.mutable_backbone()->set_name(name);
    EXPECT_THAT(ManifestViolations(manifest), ElementsAre(StartsWith("backbone.name: "))) << name;
  }
}

TEST(ManifestTest, EachRuleNamesItsField) {
  const auto violations = [](auto&& change) {
    ModelManifest manifest = Valid();
    change(&manifest);
    return ManifestViolations(manifest);
  };
  const auto expect = [&](absl::string_view path, auto&& change) {
    EXPECT_THAT(violations(change), Contains(StartsWith(std::string(path) + ": "))) << path;
  };
  expect("version", [](ModelManifest* m) { m->clear_version(); });
  expect("embedding_space", [](ModelManifest* m) { m->clear_embedding_space(); });
  expect("precision", [](ModelManifest* m) { m->set_precision("int4"); });
  expect("source_sha256", [](ModelManifest* m) { m->set_source_sha256("ABC"); });
  expect("source_sha256", [](ModelManifest* m) { m->set_random_weights(true); });
  expect("patch_size", [](ModelManifest* m) { m->set_patch_size(0); });
  expect("resolution_step", [](ModelManifest* m) { m->set_resolution_step(24); });
  expect("resolution_step", [](ModelManifest* m) { m->set_resolution_step(0); });
  expect("max_resolution", [](ModelManifest* m) { m->set_max_resolution(8); });
  expect("preferred_height", [](ModelManifest* m) { m->set_preferred_height(500); });
  expect("preferred_width", [](ModelManifest* m) { m->set_preferred_width(4096); });
  expect("window_size", [](ModelManifest* m) { m->set_window_size(-1); });
  expect("mean", [](ModelManifest* m) { m->add_mean(1); });
  expect("std", [](ModelManifest* m) { m->set_std(1, 0); });
  expect("num_prefix_tokens", [](ModelManifest* m) { m->set_num_prefix_tokens(0); });
  expect("summary_indices", [](ModelManifest* m) { m->add_summary_indices(8); });
  expect("feature_dim", [](ModelManifest* m) { m->set_feature_dim(0); });
  expect("default_layout", [](ModelManifest* m) { m->set_default_layout("NCHW"); });
  expect("backbone.sha256", [](ModelManifest* m) { m->mutable_backbone()->set_sha256("0"); });
  expect("backbone.byte_size", [](ModelManifest* m) { m->mutable_backbone()->set_byte_size(0); });
  expect("adaptors[0].name",
         [](ModelManifest* m) { m->mutable_adaptors(0)->set_name("backbone"); });
  expect("adaptors[0].file.name",
         [](ModelManifest* m) { m->mutable_adaptors(0)->mutable_file()->set_name("backbone.pt"); });
  expect("adaptors[0]", [](ModelManifest* m) { m->mutable_adaptors(0)->set_summary_dim(0); });
  expect("adaptors[0].upsample_factor",
         [](ModelManifest* m) { m->mutable_adaptors(0)->set_upsample_factor(0); });
  expect("self_test.images", [](ModelManifest* m) { m->mutable_self_test()->clear_images(); });
  expect("self_test.images[0].pixels",
         [](ModelManifest* m) { m->mutable_self_test()->mutable_images(0)->set_pixels("x"); });
  expect("self_test.outputs", [](ModelManifest* m) { m->mutable_self_test()->clear_outputs(); });
}

TEST(ManifestTest, LoadReportsTheFileAndAllViolations) {
  const std::string folder = testing::TempDir() + "/manifest_load";
  mkdir(folder.c_str(), 0755);
  EXPECT_EQ(LoadManifest(folder + "/none").status().code(), absl::StatusCode::kNotFound);

  ModelManifest manifest = Valid();
  std::string text;
  google::protobuf::TextFormat::PrintToString(manifest, &text);
  std::ofstream(folder + "/manifest.textproto") << text;
  ASSERT_TRUE(LoadManifest(folder).ok()) << LoadManifest(folder).status();
  EXPECT_EQ(LoadManifest(folder)->version(), "radio_v2.5-b");

  manifest.clear_version();
  manifest.clear_feature_dim();
  google::protobuf::TextFormat::PrintToString(manifest, &text);
  std::ofstream(folder + "/manifest.textproto") << text;
  const std::string message(LoadManifest(folder).status().message());
  EXPECT_THAT(message, HasSubstr(folder));
  EXPECT_THAT(message, HasSubstr("version: must be given"));
  EXPECT_THAT(message, HasSubstr("feature_dim: must be between"));

  std::ofstream(folder + "/manifest.textproto") << text << "\nsurprise: 1\n";
  EXPECT_THAT(std::string(LoadManifest(folder).status().message()), HasSubstr("surprise"));
}

TEST(ManifestTest, EveryFileIsVerified) {
  const std::string folder = testing::TempDir() + "/manifest_verify";
  mkdir(folder.c_str(), 0755);
  ModelManifest manifest = Valid();
  std::ofstream(folder + "/backbone.pt") << "weights";
  // The true digest comes from the complaint about a wrong one.
  const std::string message(OpenFiles(folder, manifest).status().message());
  const size_t at = message.find("SHA-256 is ");
  ASSERT_NE(at, std::string::npos) << message;
  const std::string digest = message.substr(at + 11, 64);
  manifest.mutable_backbone()->set_sha256(digest);
  manifest.mutable_adaptors(0)->mutable_file()->set_sha256(digest);
  EXPECT_THAT(std::string(OpenFiles(folder, manifest).status().message()),
              HasSubstr("adaptor_clip.pt"));
  std::ofstream(folder + "/adaptor_clip.pt") << "weights";
  const auto files = OpenFiles(folder, manifest);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->size(), 2u);
}

}  // namespace
}  // namespace radio::config
