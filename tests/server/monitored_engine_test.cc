#include "server/monitored_engine.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "tests/testing/fake_engine.h"
#include "tests/testing/gate.h"
#include "tests/testing/simulated_clock.h"

namespace radio::server {
namespace {

// Run `i` stands at gate `i` until the test opens it.
class MonitoredEngineTest : public testing::Test {
 protected:
  // Returns once the run has begun.
  std::thread Begin(uint8_t i) {
    gates_[i].Close();
    std::thread run([this, i] {
      const ImageTensor image = TestImage({16, 16}, i);
      const std::vector<OutputRequest> outputs;
      const BatchItem item{&image, &outputs};
      EXPECT_TRUE(engine_.Run({&item, 1}).ok());
    });
    gates_[i].AwaitWaiting(1);
    return run;
  }
  void End(uint8_t i, std::thread* run) {
    gates_[i].Open();
    run->join();
  }
  void Advance(int seconds) { clock_.Advance(absl::Seconds(seconds)); }
  void ExpectRunningForAndBusy(int running_for, int busy) {
    EXPECT_EQ(engine_.running_for(), absl::Seconds(running_for));
    EXPECT_EQ(engine_.busy(), absl::Seconds(busy));
  }

  SimulatedClock clock_;
  std::array<Gate, 2> gates_;
  MonitoredEngine engine_{
      std::make_unique<FakeEngine>(TestSpec(),
                                   [this](absl::Span<const BatchItem> batch) {
                                     gates_[batch[0].image->pixels.data[0]].Pass();
                                     return absl::OkStatus();
                                   }),
      &clock_};
};

TEST_F(MonitoredEngineTest, CountsFromTheBeginOfARunAndNotBetweenRuns) {
  Advance(5);
  ExpectRunningForAndBusy(0, 0);
  for (const int busy_before : {0, 3}) {
    std::thread run = Begin(0);
    Advance(3);
    ExpectRunningForAndBusy(3, busy_before + 3);
    End(0, &run);
    Advance(7);
    ExpectRunningForAndBusy(0, busy_before + 3);
  }
}

TEST_F(MonitoredEngineTest, AnEndOfAnyRunIsProgressForThoseThatStillRun) {
  std::thread first = Begin(0);
  Advance(4);
  std::thread second = Begin(1);
  ExpectRunningForAndBusy(4, 4);
  Advance(3);
  ExpectRunningForAndBusy(7, 7);
  End(0, &first);
  ExpectRunningForAndBusy(0, 7);
  Advance(2);
  ExpectRunningForAndBusy(2, 9);
  first = Begin(0);
  Advance(1);
  ExpectRunningForAndBusy(3, 10);
  End(1, &second);
  Advance(1);
  ExpectRunningForAndBusy(1, 11);
  End(0, &first);
  Advance(6);
  ExpectRunningForAndBusy(0, 11);
}

}  // namespace
}  // namespace radio::server
