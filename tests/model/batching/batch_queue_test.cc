#include "model/batching/batch_queue.h"

#include <gmock/gmock.h>

#include <thread>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

std::unique_ptr<Task> MakeTask(
    double cost, std::vector<absl::Status>* results,
    std::shared_ptr<CancelToken> cancel = std::make_shared<CancelToken>()) {
  Task::Work work;
  work.image = TestImage({32, 32});
  work.cost = cost;
  work.cancel = std::move(cancel);
  return std::make_unique<Task>(std::move(work), [results](Task::Result result) {
    results->push_back(result.outputs.status());
  });
}

BatchQueue::Options SmallOptions() {
  BatchQueue::Options options;
  options.limits.max_cost = 10;
  return options;
}

class BatchQueueTest : public testing::Test {
 protected:
  void Submit(double cost) {
    auto task = MakeTask(cost, &results_);
    ASSERT_TRUE(queue_.Submit(task).ok());
    ASSERT_EQ(task, nullptr);
  }

  SimulatedClock clock_;
  ModelLoad load_;
  std::vector<absl::Status> results_;
  BatchQueue queue_{SmallOptions(), &clock_, &load_};
};

TEST_F(BatchQueueTest, HandsOutEveryTaskOnceInBatchesOfTheBudget) {
  for (int i = 0; i < 5; ++i) Submit(4);
  std::vector<size_t> sizes;
  while (queue_.depth() > 0) sizes.push_back(queue_.NextBatch().run.size());
  EXPECT_THAT(sizes, testing::ElementsAre(2, 2, 1));
}

TEST_F(BatchQueueTest, SaysHowLongATaskWaited) {
  Submit(1);
  clock_.Advance(absl::Milliseconds(30));
  EXPECT_EQ(queue_.oldest_age(), absl::Milliseconds(30));
  const Batch batch = queue_.NextBatch();
  EXPECT_EQ(batch.run[0]->queue_time, absl::Milliseconds(30));
  EXPECT_EQ(queue_.oldest_age(), absl::ZeroDuration());
}

TEST_F(BatchQueueTest, ClosedQueueTakesNothingAndStillHandsOutWhatWaits) {
  Submit(1);
  queue_.Close();
  auto late = MakeTask(1, &results_);
  const absl::Status refused = queue_.Submit(late);
  EXPECT_EQ(ReasonOf(refused), Reason::kServerDraining);
  EXPECT_NE(late, nullptr) << "a refused task stays with its owner";
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
  const Batch end = queue_.NextBatch();
  EXPECT_TRUE(end.run.empty() && end.dropped.empty());
}

TEST_F(BatchQueueTest, CancelledTaskComesOutAsDropped) {
  auto cancel = std::make_shared<CancelToken>();
  auto task = MakeTask(1, &results_, cancel);
  ASSERT_TRUE(queue_.Submit(task).ok());
  Submit(1);
  cancel->Cancel();
  const Batch batch = queue_.NextBatch();
  EXPECT_EQ(batch.run.size(), 1u);
  EXPECT_EQ(batch.dropped.size(), 1u);
}

TEST_F(BatchQueueTest, DropsWhatTheModelIsTooSlowFor) {
  load_.RecordBatch(1, absl::Seconds(1));
  Task::Work work;
  work.image = TestImage({32, 32});
  work.cost = 5;
  work.deadline = clock_.Now() + absl::Seconds(4);
  work.cancel = std::make_shared<CancelToken>();
  auto task = std::make_unique<Task>(std::move(work), [](const Task::Result&) {});
  ASSERT_TRUE(queue_.Submit(task).ok());
  Submit(1);
  const Batch batch = queue_.NextBatch();
  EXPECT_EQ(batch.run.size(), 1u);
  EXPECT_EQ(batch.dropped.size(), 1u);
}

TEST_F(BatchQueueTest, LooksAsFarAsABatchNeedsInALongLine) {
  for (int i = 0; i < 1000; ++i) Submit(1);
  EXPECT_EQ(queue_.NextBatch().run.size(), 10u);
  EXPECT_EQ(queue_.depth(), 990u);
}

TEST_F(BatchQueueTest, WaitingWorkerWakesForATaskAndForClose) {
  std::vector<size_t> sizes;
  std::thread worker([&] {
    while (true) {
      const Batch batch = queue_.NextBatch();
      if (batch.run.empty()) return;
      sizes.push_back(batch.run.size());
    }
  });
  Submit(1);
  queue_.Close();
  worker.join();
  EXPECT_THAT(sizes, testing::ElementsAre(1));
}

TEST(TaskTest, UnfinishedTaskCompletesAsCancelledOnDestruction) {
  std::vector<absl::Status> results;
  MakeTask(1, &results).reset();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(absl::IsCancelled(results[0]));
}

TEST(TaskTest, FinishedTaskCompletesOnlyOnce) {
  std::vector<absl::Status> results;
  {
    auto task = MakeTask(1, &results);
    task->Complete(ItemOutputs{});
  }
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].ok());
}

}  // namespace
}  // namespace radio
