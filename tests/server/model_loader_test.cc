#include "server/model_loader.h"

#include <gmock/gmock.h>

#include "model/batching/cost_model.h"
#include "model/errors.h"
#include "tests/testing/fake_engine.h"

namespace radio::server {
namespace {

LoadedModel Loaded(const std::string& device, FakeEngine::Hook hook = nullptr) {
  LoadedModel model;
  model.spec = TestSpec();
  model.device = device;
  model.engine = std::make_unique<MonitoredEngine>(
      std::make_unique<FakeEngine>(TestSpec(), std::move(hook)), Clock::Real());
  return model;
}

TEST(SetMaxBatchCostTest, ConfiguredCostOverridesAll) {
  config::ServerConfig config;
  config.set_max_batch_cost(77);
  LoadedModel model = Loaded("cuda:0");
  ASSERT_TRUE(SetMaxBatchCost(config, &model).ok());
  EXPECT_EQ(model.max_batch_cost, 77);
  EXPECT_EQ(model.max_batch_cost_from, "configuration");
}

TEST(SetMaxBatchCostTest, NothingIsMeasuredOnACpu) {
  LoadedModel model = Loaded(
      "cpu", [](absl::Span<const BatchItem>) { return absl::InternalError("not to be run"); });
  ASSERT_TRUE(SetMaxBatchCost(config::ServerConfig(), &model).ok());
  EXPECT_EQ(model.max_batch_cost, 4096);
  EXPECT_EQ(model.max_batch_cost_from, "default");
}

TEST(SetMaxBatchCostTest, OnAGpuSeveralImagesOfThePreferredSizeShareABatch) {
  LoadedModel model = Loaded("cuda:0");
  ASSERT_TRUE(SetMaxBatchCost(config::ServerConfig(), &model).ok());
  EXPECT_GE(model.max_batch_cost, 8 * CostModel(TestSpec()).CostOf(TestSpec().preferred));
  EXPECT_EQ(model.max_batch_cost_from, "measurement");
}

TEST(SetMaxBatchCostTest, AnEngineThatFailsIsReported) {
  LoadedModel model = Loaded("cuda:0", [](absl::Span<const BatchItem>) {
    return MakeError(Reason::kDeviceError, "gone");
  });
  EXPECT_EQ(ReasonOf(SetMaxBatchCost(config::ServerConfig(), &model)), Reason::kDeviceError);
}

}  // namespace
}  // namespace radio::server
