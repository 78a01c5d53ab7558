#include "model/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

class QuarantineTest : public testing::Test {
 protected:
  static Quarantine::Key KeyOf(uint8_t image, absl::string_view model = "m") {
    return Quarantine::KeyOf(model, Bytes::Own({1, 2, image}));
  }
  void Fail(const Quarantine::Key& key, Reason reason = Reason::kInferenceFailed) {
    quarantine_.Record(key, MakeError(reason, "it failed"));
  }

  SimulatedClock clock_;
  Quarantine quarantine_{{absl::Seconds(60), 2, 3}, &clock_};
};

TEST_F(QuarantineTest, TheSameImageIsRefusedAfterTwoFailuresWithItsReasonAndTheTimeLeft) {
  EXPECT_TRUE(quarantine_.Check(KeyOf(1)).ok());
  Fail(KeyOf(1));
  EXPECT_TRUE(quarantine_.Check(KeyOf(1)).ok());
  Fail(KeyOf(1), Reason::kNonFiniteOutput);
  clock_.Advance(absl::Seconds(20));
  const absl::Status refused = quarantine_.Check(KeyOf(1));
  EXPECT_EQ(ReasonOf(refused), Reason::kNonFiniteOutput);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("another 40 s"));
  EXPECT_EQ(quarantine_.refused(), 1);
}

TEST_F(QuarantineTest, OtherBytesAndOtherModelsAreNotMeant) {
  Fail(KeyOf(1));
  Fail(KeyOf(1));
  EXPECT_TRUE(quarantine_.Check(KeyOf(2)).ok());
  EXPECT_TRUE(quarantine_.Check(KeyOf(1, "n")).ok());
  EXPECT_FALSE(quarantine_.Check(KeyOf(1)).ok());
}

TEST_F(QuarantineTest, ItEndsAfterThePeriodAndCountsAnew) {
  Fail(KeyOf(1));
  Fail(KeyOf(1));
  clock_.Advance(absl::Seconds(60) - absl::Milliseconds(1));
  EXPECT_FALSE(quarantine_.Check(KeyOf(1)).ok());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(quarantine_.Check(KeyOf(1)).ok());
  Fail(KeyOf(1));
  EXPECT_TRUE(quarantine_.Check(KeyOf(1)).ok());
}

TEST_F(QuarantineTest, FailuresThatAreNotTheImagesDoNotCount) {
  for (int i = 0; i < 5; ++i) {
    quarantine_.Record(KeyOf(1), absl::OkStatus());
    quarantine_.Record(KeyOf(1), absl::CancelledError("the caller went away"));
    Fail(KeyOf(1), Reason::kDeviceError);
    Fail(KeyOf(1), Reason::kExpiredInQueue);
    Fail(KeyOf(1), Reason::kServerDraining);
  }
  EXPECT_TRUE(quarantine_.Check(KeyOf(1)).ok());
}

TEST_F(QuarantineTest, ItForgetsTheImageThatFailedLongestAgoWhenItIsFull) {
  for (const uint8_t image : {1, 2, 3}) {
    Fail(KeyOf(image));
    Fail(KeyOf(image));
  }
  Fail(KeyOf(1));
  Fail(KeyOf(4));
  EXPECT_TRUE(quarantine_.Check(KeyOf(2)).ok());
  EXPECT_FALSE(quarantine_.Check(KeyOf(1)).ok());
  EXPECT_FALSE(quarantine_.Check(KeyOf(3)).ok());
}

}  // namespace
}  // namespace radio
