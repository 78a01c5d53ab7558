#include "tests/benchmark/device_gaps.h"

#include <gmock/gmock.h>

#include "tests/model/engine/torch/scripted_engine.h"
#include "tests/model/engine/torch/simulated_device.h"

namespace radio {
namespace {

class DeviceGapsTest : public ScriptedEngineTest {
 protected:
  DeviceGapsTest() {
    simulated_device::Register();
    options_.device = simulated_device::kName;
    engine_ = Load();
  }

  void Run() {
    const BatchItem item = {&large_, &everything_};
    EXPECT_TRUE(engine_->Run({&item, 1}).ok());
  }

  static c10::Device Device() { return c10::Device(simulated_device::kName); }

  std::unique_ptr<Engine> engine_;
};

TEST_F(DeviceGapsTest, OneBatchHasNoGap) {
  const DeviceGaps gaps(Device());
  EXPECT_FALSE(gaps.IdleShare().has_value());
  Run();
  EXPECT_FALSE(gaps.IdleShare().has_value());
}

TEST_F(DeviceGapsTest, TheTimeBetweenBatchesCounts) {
  double busy = 0;
  simulated_device::OnWork([&](const simulated_device::Work& work) {
    if (work.what != "wait") ++busy;
  });
  const DeviceGaps gaps(Device());
  Run();
  simulated_device::Idle(10000);
  Run();
  simulated_device::Idle(20000);
  Run();
  simulated_device::OnWork(nullptr);
  ASSERT_TRUE(gaps.IdleShare().has_value());
  // Images and answers, which travel between the batches, are part of the gaps.
  EXPECT_NEAR(*gaps.IdleShare(), 30000 / (30000 + busy), 6 / 30000.0);
}

TEST_F(DeviceGapsTest, EachObservationBeginsAnew) {
  {
    const DeviceGaps gaps(Device());
    Run();
  }
  const DeviceGaps gaps(Device());
  Run();
  EXPECT_FALSE(gaps.IdleShare().has_value());
}

}  // namespace
}  // namespace radio
