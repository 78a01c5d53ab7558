#include "model/batching/batch_runner.h"

#include <gmock/gmock.h>

#include <array>
#include <thread>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/fake_metrics.h"
#include "tests/testing/gate.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

// Batch `i` stands at gate `i`, in the engine, until the test opens it.
class BatchRunnerTest : public testing::Test {
 protected:
  static constexpr double kCost = 10;

  Batch MakeBatch(uint8_t i, int images) {
    Batch batch;
    batch.max_cost = kCost * images;
    for (int image = 0; image < images; ++image) {
      Task::Work work;
      work.image = TestImage({32, 32}, i);
      work.cost = kCost;
      work.cancel = std::make_shared<CancelToken>();
      batch.run.push_back(
          std::make_unique<Task>(std::move(work), [this, i](const Task::Result& result) {
            EXPECT_TRUE(result.outputs.ok()) << result.outputs.status();
            inference_times_[i] = result.inference;
          }));
    }
    return batch;
  }

  // Returns once the batch is in the engine.
  std::thread Begin(uint8_t i, int images) {
    gates_[i].Close();
    std::thread run([this, i, images] { runner_.Run(MakeBatch(i, images)); });
    gates_[i].AwaitWaiting(1);
    return run;
  }
  void End(uint8_t i, std::thread* run) {
    gates_[i].Open();
    run->join();
  }

  absl::Status Compute(absl::Span<const BatchItem> batch) {
    gates_[batch[0].image->pixels.data[0]].Pass();
    if (batch.size() <= memory_) return absl::OkStatus();
    absl::Status status = MakeError(Reason::kInferenceFailed, "out of memory");
    SetOutOfMemory(&status);
    return status;
  }

  static BatchQueue::Options QueueOptions() {
    BatchQueue::Options options;
    options.limits.max_cost = 4 * kCost;
    return options;
  }

  SimulatedClock clock_;
  ModelLoad load_;
  FakeMetrics metrics_;
  std::array<Gate, 2> gates_;
  std::array<absl::Duration, 2> inference_times_;
  // In images.
  size_t memory_ = 100;
  BatchQueue queue_{QueueOptions(), &clock_};
  FakeEngine engine_{TestSpec(), [this](absl::Span<const BatchItem> b) { return Compute(b); }};
  BatchRunner runner_{{"m", 16},
                      {&queue_, &engine_, &load_, &clock_, &metrics_,
                       [](absl::AnyInvocable<void()> completion) { completion(); }}};
};

TEST_F(BatchRunnerTest, BatchesThatOverlapShareTheTimeAndTheirImagesTellTheWhole) {
  std::thread first = Begin(0, 1);
  clock_.Advance(absl::Seconds(4));
  std::thread second = Begin(1, 2);
  clock_.Advance(absl::Seconds(6));
  End(0, &first);
  clock_.Advance(absl::Seconds(20));
  End(1, &second);
  ASSERT_EQ(metrics_.batches().size(), 2u);
  EXPECT_EQ(metrics_.batches()[0].duration, absl::Seconds(10));
  EXPECT_EQ(metrics_.batches()[1].duration, absl::Seconds(20));
  EXPECT_THAT(inference_times_, testing::ElementsAre(absl::Seconds(10), absl::Seconds(26)));
  EXPECT_DOUBLE_EQ(load_.seconds_per_cost(), 1.0) << "30 seconds for a cost of 30";
}

TEST_F(BatchRunnerTest, DurationsAddUpWhicheverBatchEndsFirst) {
  std::thread first = Begin(0, 1);
  clock_.Advance(absl::Seconds(4));
  std::thread second = Begin(1, 1);
  clock_.Advance(absl::Seconds(3));
  End(1, &second);
  clock_.Advance(absl::Seconds(5));
  End(0, &first);
  clock_.Advance(absl::Seconds(100));
  std::thread third = Begin(0, 1);
  clock_.Advance(absl::Seconds(1));
  End(0, &third);
  ASSERT_EQ(metrics_.batches().size(), 3u);
  EXPECT_EQ(metrics_.batches()[0].duration, absl::Seconds(7));
  EXPECT_EQ(metrics_.batches()[1].duration, absl::Seconds(5));
  EXPECT_EQ(metrics_.batches()[2].duration, absl::Seconds(1)) << "idle before";
}

TEST_F(BatchRunnerTest, BatchesThatFindNoMemoryAtOnceHalveTheBudgetOnce) {
  memory_ = 2;
  std::thread first = Begin(0, 4);
  std::thread second = Begin(1, 4);
  End(0, &first);
  End(1, &second);
  EXPECT_EQ(queue_.budget().current(), 2 * kCost);
  EXPECT_THAT(engine_.batch_sizes(), testing::ElementsAre(4, 4, 2, 2, 2, 2));
}

TEST_F(BatchRunnerTest, BatchChosenBeforeTheBudgetFellIsRunInPartsThatFit) {
  queue_.budget().OutOfMemory(4 * kCost);
  runner_.Run(MakeBatch(0, 4));
  EXPECT_THAT(engine_.batch_sizes(), testing::ElementsAre(2, 2));
  ASSERT_EQ(metrics_.batches().size(), 1u);
  EXPECT_EQ(metrics_.batches()[0].max_cost, 4 * kCost) << "what it was cut by";
}

}  // namespace
}  // namespace radio
