#include "model/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

class QuarantineTest : public testing::Test {
 protected:
  absl::Status Check(uint8_t image, absl::string_view model = "m") {
    return quarantine_.Check(model, Bytes::Own({1, 2, image}));
  }
  void Record(uint8_t image, const absl::Status& outcome) {
    quarantine_.Record("m", Bytes::Own({1, 2, image}), outcome);
  }
  void Fail(uint8_t image, Reason reason = Reason::kInferenceFailed) {
    Record(image, MakeError(reason, "it failed"));
  }

  SimulatedClock clock_;
  Quarantine quarantine_{{absl::Seconds(60), 2, 3}, &clock_};
};

TEST_F(QuarantineTest, TheSameImageIsRefusedAfterTwoFailuresWithItsReasonAndTheTimeLeft) {
  EXPECT_TRUE(Check(1).ok());
  Fail(1);
  EXPECT_TRUE(Check(1).ok());
  Fail(1, Reason::kNonFiniteOutput);
  clock_.Advance(absl::Seconds(20));
  const absl::Status refused = Check(1);
  EXPECT_EQ(ReasonOf(refused), Reason::kNonFiniteOutput);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("another 40 s"));
  EXPECT_EQ(quarantine_.refused(), 1);
}

TEST_F(QuarantineTest, BytesAreReadOnlyWhileAnImageThatFailedIsRemembered) {
  // Reading these would crash.
  Bytes unreadable;
  unreadable.data = absl::MakeConstSpan(static_cast<const uint8_t*>(nullptr), 3);
  EXPECT_TRUE(quarantine_.Check("m", unreadable).ok());
  quarantine_.Record("m", unreadable, absl::OkStatus());
  Fail(1);
  EXPECT_DEATH(quarantine_.Check("m", unreadable).IgnoreError(), "");
  clock_.Advance(absl::Seconds(60));
  EXPECT_TRUE(quarantine_.Check("m", unreadable).ok());
}

TEST_F(QuarantineTest, OtherBytesAndOtherModelsAreNotMeant) {
  Fail(1);
  Fail(1);
  EXPECT_TRUE(Check(2).ok());
  EXPECT_TRUE(Check(1, "n").ok());
  EXPECT_FALSE(Check(1).ok());
}

TEST_F(QuarantineTest, ItEndsAfterThePeriodAndCountsAnew) {
  Fail(1);
  Fail(1);
  clock_.Advance(absl::Seconds(60) - absl::Milliseconds(1));
  EXPECT_FALSE(Check(1).ok());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Check(1).ok());
  Fail(1);
  EXPECT_TRUE(Check(1).ok());
}

TEST_F(QuarantineTest, FailuresThatAreNotTheImagesDoNotCount) {
  for (int i = 0; i < 5; ++i) {
    Record(1, absl::OkStatus());
    Record(1, absl::CancelledError("the caller went away"));
    Fail(1, Reason::kDeviceError);
    Fail(1, Reason::kExpiredInQueue);
    Fail(1, Reason::kServerDraining);
  }
  EXPECT_TRUE(Check(1).ok());
}

TEST_F(QuarantineTest, ItForgetsTheImageThatFailedLongestAgoWhenItIsFull) {
  for (const uint8_t image : {1, 2, 3}) {
    Fail(image);
    Fail(image);
  }
  Fail(1);
  Fail(4);
  EXPECT_TRUE(Check(2).ok());
  EXPECT_FALSE(Check(1).ok());
  EXPECT_FALSE(Check(3).ok());
}

}  // namespace
}  // namespace radio
