#include "server/manifest_conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "server/model_messages.h"

namespace radio::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Floats(std::vector<float> values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

config::ModelManifest Manifest() {
  config::ModelManifest manifest;
  manifest.set_version("radio_v2.5-b");
  manifest.set_architecture("vit_base_patch16_224");
  manifest.set_precision("bfloat16");
  manifest.set_license("a licence");
  manifest.set_source_sha256("abc");
  manifest.set_embedding_space("space");
  manifest.set_random_weights(true);
  manifest.set_patch_size(16);
  manifest.set_resolution_step(32);
  manifest.set_max_resolution(2048);
  manifest.set_preferred_height(768);
  manifest.set_preferred_width(512);
  manifest.set_window_size(8);
  for (const float value : {0.1f, 0.2f, 0.3f}) {
    manifest.add_mean(value);
    manifest.add_std(value * 2);
  }
  manifest.set_mixed_sizes(true);
  manifest.set_num_prefix_tokens(8);
  manifest.add_summary_indices(0);
  manifest.add_summary_indices(2);
  manifest.set_feature_dim(48);
  manifest.set_default_layout("NHWC");
  config::Adaptor* sam = manifest.add_adaptors();
  sam->set_name("sam");
  sam->set_feature_dim(256);
  sam->set_upsample_factor(2);
  config::SelfTestImage* image = manifest.mutable_self_test()->add_images();
  image->set_height(1);
  image->set_width(2);
  image->set_pixels("abcdef");
  // In another order than the manifest's adaptors.
  config::SelfTestOutput* output = manifest.mutable_self_test()->add_outputs();
  output->set_adaptor("sam");
  output->set_features(Floats({5, 6}));
  output = manifest.mutable_self_test()->add_outputs();
  output->set_adaptor("backbone");
  output->set_summary(Floats({1, 2, 3}));
  output->set_features(Floats({4}));
  return manifest;
}

TEST(ManifestConversionTest, TheSpecHasEveryFact) {
  const ModelSpec spec = SpecOf(Manifest(), "served");
  EXPECT_EQ(spec.name, "served");
  EXPECT_EQ(spec.version, "radio_v2.5-b");
  EXPECT_EQ(spec.precision, "bfloat16");
  EXPECT_EQ(spec.resolution_step, 32);
  EXPECT_EQ(spec.preferred, (Size{768, 512}));
  EXPECT_EQ(spec.window_size, 8);
  EXPECT_THAT(spec.mean, ElementsAre(0.1f, 0.2f, 0.3f));
  EXPECT_TRUE(spec.mixed_sizes);
  EXPECT_THAT(spec.summary_indices, ElementsAre(0, 2));
  EXPECT_EQ(spec.default_layout, FeatureLayout::kNhwc);
  ASSERT_EQ(spec.outputs.size(), 2u);
  EXPECT_EQ(spec.outputs[0].name, "backbone");
  EXPECT_EQ(spec.outputs[0].summary_dim, 96);
  EXPECT_EQ(spec.outputs[0].feature_dim, 48);
  EXPECT_EQ(spec.outputs[1].name, "sam");
  EXPECT_EQ(spec.outputs[1].summary_dim, 0);
  EXPECT_EQ(spec.outputs[1].upsample_factor, 2);
}

TEST(ManifestConversionTest, TheSelfTestFollowsTheSpecsOrder) {
  const absl::StatusOr<SelfTest> test = SelfTestOf(Manifest());
  ASSERT_TRUE(test.ok()) << test.status();
  ASSERT_EQ(test->images.size(), 1u);
  EXPECT_EQ(test->images[0].size, (Size{1, 2}));
  EXPECT_THAT(test->images[0].pixels.data, ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  ASSERT_EQ(test->outputs.size(), 2u);
  EXPECT_THAT(test->outputs[0].summary, ElementsAre(1, 2, 3));
  EXPECT_THAT(test->outputs[0].features, ElementsAre(4));
  EXPECT_THAT(test->outputs[1].features, ElementsAre(5, 6));
}

TEST(ManifestConversionTest, MissingOrBrokenOutputsAreRefused) {
  config::ModelManifest manifest = Manifest();
  manifest.mutable_self_test()->mutable_outputs(0)->set_features("abc");
  EXPECT_THAT(std::string(SelfTestOf(manifest).status().message()), HasSubstr("3 bytes"));
  manifest.mutable_self_test()->mutable_outputs(0)->set_adaptor("clip");
  EXPECT_THAT(std::string(SelfTestOf(manifest).status().message()), HasSubstr("none for sam"));
}

TEST(ManifestConversionTest, ClientsSeeWhatTheManifestSays) {
  const v1::Model model = ModelMessage(SpecOf(Manifest(), "served"), true);
  EXPECT_EQ(model.name(), "served");
  EXPECT_EQ(model.version(), "radio_v2.5-b (random weights)");
  EXPECT_EQ(model.license(), "a licence");
  EXPECT_EQ(model.window_size(), 8);
  EXPECT_EQ(model.preferred_width(), 512);
  EXPECT_EQ(model.adaptors(0).name(), "backbone");
  EXPECT_EQ(model.adaptors(1).upsample_factor(), 2);
  EXPECT_TRUE(model.ready());
  EXPECT_TRUE(model.random_weights());
}

}  // namespace
}  // namespace radio::server
