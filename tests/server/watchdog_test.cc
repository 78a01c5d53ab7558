#include "server/watchdog.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/testing/fake_engine.h"
#include "tests/testing/simulated_clock.h"

namespace radio::server {
namespace {

class BreakableEngine : public Engine {
 public:
  explicit BreakableEngine(const bool* healthy) : healthy_(healthy) {}
  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem>) override {
    return absl::InternalError("not used");
  }
  bool healthy() const override { return *healthy_; }
  std::string description() const override { return "breakable"; }

 private:
  const bool* const healthy_;
};

TEST(WatchdogTest, ARunThatTakesTooLongHangsAndAnEndedOneDoesNot) {
  SimulatedClock clock;
  const MonitoredEngine* watched = nullptr;
  std::vector<std::optional<Trouble>> seen;
  MonitoredEngine engine(
      std::make_unique<FakeEngine>(TestSpec(),
                                   [&](absl::Span<const BatchItem>) {
                                     for (int i = 0; i < 3; ++i) {
                                       clock.Advance(absl::Seconds(4));
                                       seen.push_back(Diagnose(*watched, absl::Seconds(10)));
                                     }
                                     return absl::OkStatus();
                                   }),
      &clock);
  watched = &engine;
  EXPECT_EQ(Diagnose(engine, absl::Seconds(10)), std::nullopt);
  const ImageTensor image = TestImage({16, 16});
  const std::vector<OutputRequest> outputs;
  const BatchItem item{&image, &outputs};
  ASSERT_TRUE(engine.Run({&item, 1}).ok());
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0], std::nullopt);
  EXPECT_EQ(seen[1], std::nullopt);
  EXPECT_EQ(seen[2], Trouble::kHungBatch);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(Diagnose(engine, absl::Seconds(10)), std::nullopt);
}

TEST(WatchdogTest, TheFirstTroubleIsReportedOnceWithItsModel) {
  bool good = true;
  bool bad = false;
  const MonitoredEngine first(std::make_unique<BreakableEngine>(&good), Clock::Real());
  const MonitoredEngine second(std::make_unique<BreakableEngine>(&bad), Clock::Real());
  std::promise<std::pair<std::string, Trouble>> reported;
  const Watchdog watchdog({{"a", &first}, {"b", &second}}, absl::Hours(1),
                          [&](const std::string& model, Trouble trouble) {
                            reported.set_value({model, trouble});
                          });
  EXPECT_EQ(reported.get_future().get(), std::pair(std::string("b"), Trouble::kDeviceError));
}

TEST(WatchdogTest, WithoutTroubleItEndsWhenToldTo) {
  bool good = true;
  const MonitoredEngine engine(std::make_unique<BreakableEngine>(&good), Clock::Real());
  const Watchdog watchdog({{"a", &engine}}, absl::Hours(1),
                          [](const std::string&, Trouble) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace radio::server
