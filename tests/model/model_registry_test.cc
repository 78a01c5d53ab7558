#include "model/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/base/clock.h"
#include "model/base/thread_pool.h"
#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/fake_metrics.h"

namespace radio {
namespace {

class ModelRegistryTest : public testing::Test {
 protected:
  std::shared_ptr<const ServedModel> Model(const std::string& name) {
    ModelSpec spec = TestSpec();
    spec.name = name;
    auto engine = std::make_unique<FakeEngine>(spec);
    return std::make_shared<const ServedModel>(std::move(spec), std::move(engine), BatchLimits{},
                                               &completions_, Clock::Real(), &metrics_);
  }

  const std::vector<std::string> names_ = {"m", "n"};
  FakeMetrics metrics_;
  ThreadPool completions_{"completion", 1};
};

TEST_F(ModelRegistryTest, AModelIsLoadingUntilItIsAdded) {
  ModelRegistry registry(names_, "n");
  EXPECT_EQ(ReasonOf(registry.Find("m").status()), Reason::kModelLoading);
  EXPECT_TRUE(registry.models().empty());
  registry.Add(Model("m"));
  EXPECT_EQ((*registry.Find("m"))->spec().name, "m");
  EXPECT_EQ(ReasonOf(registry.Find("n").status()), Reason::kModelLoading);
  EXPECT_EQ(registry.models().size(), 1u);
  EXPECT_THAT(registry.names(), testing::ElementsAre("m", "n"));
}

TEST_F(ModelRegistryTest, NoNameMeansTheDefaultModel) {
  const ModelRegistry registry({Model("m"), Model("n")}, "n");
  EXPECT_EQ((*registry.Find(""))->spec().name, "n");
  EXPECT_EQ(registry.models()[0]->spec().name, "m") << "in configuration order";
}

TEST_F(ModelRegistryTest, AnUnknownNameIsToldTheValidOnes) {
  const ModelRegistry registry(names_, "n");
  const absl::Status status = registry.Find(std::string(1000, 'x')).status();
  EXPECT_EQ(ReasonOf(status), Reason::kModelNotFound);
  EXPECT_EQ(ValidNamesOf(status), "m,n");
  EXPECT_LE(status.message().size(), 200u) << "only the beginning of the name is repeated";
}

}  // namespace
}  // namespace radio
