#include "server/load_reporter.h"

#include <gtest/gtest.h>

#include "tests/testing/simulated_clock.h"
#include "xds/data/orca/v3/orca_load_report.pb.h"

namespace radio::server {
namespace {

class LoadReporterTest : public ::testing::Test {
 protected:
  // Time passes in steps of 0.1 s, in each of which `busy` of the second engine and `images`.
  void Pass(int steps, absl::Duration busy, int images, const absl::Status& status) {
    for (int i = 0; i < steps; ++i) {
      clock_.Advance(absl::Milliseconds(100));
      now_.busy[1] += busy;
      for (int k = 0; k < images; ++k) reporter_.ImageAnswered(status);
      Report();
    }
  }

  xds::data::orca::v3::OrcaLoadReport Report() {
    xds::data::orca::v3::OrcaLoadReport report;
    EXPECT_TRUE(report.ParseFromString(reporter_.Report()));
    return report;
  }

  SimulatedClock clock_;
  // Of two engines.
  static LoadSnapshot Idle() {
    LoadSnapshot snapshot;
    snapshot.busy.resize(2);
    return snapshot;
  }
  LoadSnapshot now_ = Idle();
  int asked_ = 0;
  LoadReporter reporter_{&clock_, [this] {
                           ++asked_;
                           return now_;
                         }};
};

TEST_F(LoadReporterTest, AnIdleServerSaysALittleRatherThanNothing) {
  EXPECT_EQ(Report().application_utilization(), 0.01);
  EXPECT_EQ(Report().rps_fractional(), 0);
}

TEST_F(LoadReporterTest, TheBusiestEngineCounts) {
  Pass(50, absl::Milliseconds(60), 3, absl::OkStatus());
  const auto report = Report();
  EXPECT_NEAR(report.application_utilization(), 0.6, 0.01);
  EXPECT_NEAR(report.utilization().at("busy"), 0.6, 0.01);
  EXPECT_NEAR(report.rps_fractional(), 30, 0.3);
  EXPECT_EQ(report.eps(), 0);
}

TEST_F(LoadReporterTest, AnEngineThatJoinsCountsFromThenOn) {
  Pass(10, absl::ZeroDuration(), 0, absl::OkStatus());
  now_.busy.push_back(absl::Hours(1));
  Pass(1, absl::ZeroDuration(), 0, absl::OkStatus());
  EXPECT_EQ(Report().utilization().at("busy"), 0);
  for (int i = 0; i < 50; ++i) {
    clock_.Advance(absl::Milliseconds(100));
    now_.busy[2] += absl::Milliseconds(40);
    Report();
  }
  EXPECT_NEAR(Report().utilization().at("busy"), 0.4, 0.01);
}

TEST_F(LoadReporterTest, FollowsAChangeWithinSeconds) {
  Pass(50, absl::Milliseconds(100), 10, absl::OkStatus());
  Pass(10, absl::ZeroDuration(), 0, absl::OkStatus());
  // After one second, 1/e of it is left.
  EXPECT_NEAR(Report().application_utilization(), 0.368, 0.02);
  EXPECT_NEAR(Report().rps_fractional(), 36.8, 2);
}

TEST_F(LoadReporterTest, OnlyTheServersFaultsAreErrors) {
  Pass(50, absl::ZeroDuration(), 2, absl::InternalError(""));
  EXPECT_NEAR(Report().eps(), 20, 0.3);
  EXPECT_EQ(Report().rps_fractional(), 0);
  Pass(100, absl::ZeroDuration(), 2, absl::InvalidArgumentError(""));
  EXPECT_NEAR(Report().eps(), 0, 0.01);
}

TEST_F(LoadReporterTest, AFullServerIsFullThoughItsEngineRests) {
  now_.items_share = 0.75;
  now_.bytes_share = 0.5;
  now_.queue_depth = 7;
  now_.queue_age = absl::Milliseconds(1500);
  Pass(1, absl::ZeroDuration(), 0, absl::OkStatus());
  const auto report = Report();
  EXPECT_EQ(report.application_utilization(), 0.75);
  EXPECT_EQ(report.utilization().at("items"), 0.75);
  EXPECT_EQ(report.utilization().at("bytes"), 0.5);
  EXPECT_EQ(report.named_metrics().at("queue_depth"), 7);
  EXPECT_EQ(report.named_metrics().at("queue_oldest_age_seconds"), 1.5);
}

TEST_F(LoadReporterTest, TheServerIsAskedTenTimesASecondAtMost) {
  const int before = asked_;
  for (int i = 0; i < 1000; ++i) {
    clock_.Advance(absl::Milliseconds(1));
    Report();
  }
  EXPECT_EQ(asked_ - before, 10);
}

// The published message's field numbers, as bytes: balancers know them by nothing else.
TEST_F(LoadReporterTest, TheBytesAreThePublishedMessages) {
  const std::string bytes = reporter_.Report();
  // application_utilization = 9, a double: 0.01.
  EXPECT_NE(bytes.find(std::string("\x49\x7b\x14\xae\x47\xe1\x7a\x84\x3f", 9)), std::string::npos);
  // utilization = 5, a map: {"busy": 0}.
  EXPECT_NE(bytes.find(std::string("\x2a\x0f\x0a\x04"
                                   "busy"
                                   "\x11\0\0\0\0\0\0\0\0",
                                   17)),
            std::string::npos);
  // named_metrics = 8.
  EXPECT_NE(bytes.find("\x42\x16\x0a\x0bqueue_depth"), std::string::npos);
}

}  // namespace
}  // namespace radio::server
