#include "server/inference_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/server/served_models.h"

namespace radio::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

// A model like E-RADIO's: features are a grid.
ModelSpec Grid() {
  ModelSpec spec = TestSpec("grid");
  spec.default_layout = FeatureLayout::kNhwc;
  return spec;
}

TEST(InferenceMetadataTest, TensorsLeadWithTheBatch) {
  const auto message = InferenceModelMetadata(TestSpec());
  EXPECT_EQ(message.name(), "m");
  EXPECT_THAT(message.versions(), ElementsAre("1"));
  ASSERT_EQ(message.inputs_size(), 2);
  EXPECT_EQ(message.inputs(0).name(), "image");
  EXPECT_EQ(message.inputs(0).datatype(), "UINT8");
  EXPECT_THAT(message.inputs(0).shape(), ElementsAre(-1, 3, -1, -1));
  EXPECT_EQ(message.inputs(1).name(), "encoded");
  EXPECT_EQ(message.inputs(1).datatype(), "BYTES");
  EXPECT_THAT(message.inputs(1).shape(), ElementsAre(-1, 1));
  ASSERT_EQ(message.outputs_size(), 5);
  EXPECT_EQ(message.outputs(0).name(), "summary");
  EXPECT_THAT(message.outputs(0).shape(), ElementsAre(-1, 8));
  EXPECT_EQ(message.outputs(3).name(), "clip_features");
  EXPECT_THAT(message.outputs(3).shape(), ElementsAre(-1, -1, 6));
  EXPECT_EQ(message.properties().at("embedding_space"), "test-space");
  EXPECT_EQ(message.properties().at("resolution_step"), "16");
}

TEST(InferenceMetadataTest, FeaturesHaveTheFamilysLayout) {
  const auto message = InferenceModelMetadata(Grid());
  EXPECT_THAT(message.outputs(1).shape(), ElementsAre(-1, -1, -1, 8));
}

TEST(InferenceMetadataTest, TheConfigurationAgreesWithTheMetadata) {
  for (const ModelSpec& spec : {TestSpec(), Grid()}) {
    const auto metadata = InferenceModelMetadata(spec);
    const auto config = InferenceModelConfig(spec, 7);
    EXPECT_EQ(config.name(), spec.name);
    EXPECT_EQ(config.max_batch_size(), 7);
    EXPECT_TRUE(config.has_dynamic_batching());
    EXPECT_FALSE(config.model_transaction_policy().decoupled());
    const auto expect_same = [](const auto& tensor, const auto& configured) {
      EXPECT_EQ(tensor.name(), configured.name());
      // Without the batch.
      ASSERT_EQ(tensor.shape_size(), configured.dims_size() + 1);
      for (int i = 0; i < configured.dims_size(); ++i) {
        EXPECT_EQ(tensor.shape(i + 1), configured.dims(i));
      }
    };
    ASSERT_EQ(metadata.inputs_size(), config.input_size());
    for (int i = 0; i < config.input_size(); ++i) {
      expect_same(metadata.inputs(i), config.input(i));
      EXPECT_TRUE(config.input(i).optional());
    }
    ASSERT_EQ(metadata.outputs_size(), config.output_size());
    for (int i = 0; i < config.output_size(); ++i) {
      expect_same(metadata.outputs(i), config.output(i));
      EXPECT_EQ(config.output(i).data_type(), inference::TYPE_FP32);
    }
  }
}

TEST(InferenceMetadataTest, TheOnlyVersionIsOne) {
  const ServedModels models({TestSpec("m"), TestSpec("n")});
  for (const char* version : {"", "1"}) {
    const auto model = FindInferenceModel(models.registry(), "n", version);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->spec().name, "n");
  }
  const auto reason = [&](const char* name, const char* version) {
    return ReasonOf(FindInferenceModel(models.registry(), name, version).status());
  };
  EXPECT_EQ(reason("n", "2"), Reason::kModelNotFound);
  EXPECT_EQ(reason("nonesuch", "1"), Reason::kModelNotFound);
  for (const char* version : {"0", "-1", "latest", "1.0", "99999999999999999999"}) {
    EXPECT_EQ(reason("n", version), Reason::kRequestInvalid) << version;
  }
}

TEST(InferenceMetadataTest, ClientsLookForTheStatisticsExtension) {
  EXPECT_THAT(InferenceServerMetadata().extensions(), Contains("statistics"));
}

}  // namespace
}  // namespace radio::server
