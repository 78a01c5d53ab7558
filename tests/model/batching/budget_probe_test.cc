#include "model/batching/budget_probe.h"

#include <gmock/gmock.h>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

class BudgetProbeTest : public testing::Test {
 protected:
  // `duration` of a batch of n images.
  MeasuredBudget Measure(std::function<absl::Duration(size_t)> duration,
                         const BudgetProbeOptions& options, size_t memory = 1 << 20) {
    FakeEngine engine(TestSpec(), [&](absl::Span<const BatchItem> batch) {
      clock_.Advance(duration(batch.size()));
      absl::Status status;
      if (batch.size() > memory) {
        status = MakeError(Reason::kInferenceFailed, "out of memory");
        SetOutOfMemory(&status);
      }
      return status;
    });
    absl::StatusOr<MeasuredBudget> measured = MeasureBudget(&engine, TestSpec(), clock_, options);
    EXPECT_TRUE(measured.ok()) << measured.status();
    return *std::move(measured);
  }

  // A device that needs 32 images to be busy: up to there a batch takes the same time.
  static absl::Duration OfADevice(size_t images) {
    return absl::Milliseconds(std::max<size_t>(images, 32));
  }

  const double image_ = CostModel(TestSpec()).CostOf(TestSpec().preferred);
  SimulatedClock clock_;
};

TEST_F(BudgetProbeTest, FindsTheLeastBatchAtFullRate) {
  EXPECT_EQ(Measure(OfADevice, BudgetProbeOptions{}).max_cost, 32 * image_);
}

TEST_F(BudgetProbeTest, PackingStaysUsefulWhereOneImageKeepsTheDeviceBusy) {
  const MeasuredBudget measured =
      Measure([](size_t images) { return absl::Milliseconds(images); }, BudgetProbeOptions{});
  EXPECT_EQ(measured.max_cost, 8 * image_);
}

TEST_F(BudgetProbeTest, BatchesThatTakeTooLongAreNotChosen) {
  BudgetProbeOptions options;
  options.max_batch_time = absl::Milliseconds(20);
  options.min_images = 1;
  const auto slow = [](size_t images) { return absl::Milliseconds(8 + images); };
  EXPECT_EQ(Measure(slow, options).max_cost, 8 * image_);
}

TEST_F(BudgetProbeTest, EndsInTimeOnASlowDevice) {
  const absl::Time start = clock_.Now();
  const auto slow = [](size_t images) { return absl::Milliseconds(400) * images; };
  const MeasuredBudget measured = Measure(slow, BudgetProbeOptions{});
  EXPECT_LE(clock_.Now() - start, absl::Seconds(3));
  EXPECT_FALSE(measured.samples.empty());
  EXPECT_EQ(measured.max_cost, 8 * image_);
}

TEST_F(BudgetProbeTest, StopsWhereMemoryEnds) {
  BudgetProbeOptions options;
  options.min_images = 1;
  const MeasuredBudget measured = Measure(OfADevice, options, 20);
  EXPECT_EQ(measured.samples.size(), 5u);
  EXPECT_EQ(measured.max_cost, 16 * image_);
}

TEST_F(BudgetProbeTest, OtherFailuresArePassedOn) {
  FakeEngine engine(TestSpec(), [](absl::Span<const BatchItem>) {
    return MakeError(Reason::kDeviceError, "gone");
  });
  const auto measured = MeasureBudget(&engine, TestSpec(), clock_, BudgetProbeOptions{});
  EXPECT_EQ(ReasonOf(measured.status()), Reason::kDeviceError);
}

}  // namespace
}  // namespace radio
