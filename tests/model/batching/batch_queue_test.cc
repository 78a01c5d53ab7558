#include "model/batching/batch_queue.h"

#include <gmock/gmock.h>

#include <thread>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

std::unique_ptr<Task> MakeTask(
    double cost, std::vector<absl::Status>* results, absl::Time deadline = absl::InfiniteFuture(),
    std::shared_ptr<CancelToken> cancel = std::make_shared<CancelToken>()) {
  Task::Work work;
  work.image = TestImage({32, 32});
  work.cost = cost;
  work.bytes = 10;
  work.deadline = deadline;
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
  void Submit(double cost, absl::Duration time_left = absl::InfiniteDuration()) {
    auto task = MakeTask(cost, &results_, clock_.Now() + time_left);
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
  while (queue_.depth() > 0) {
    sizes.push_back(queue_.NextBatch().run.size());
    queue_.Done();
  }
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
  queue_.Done();
  const Batch end = queue_.NextBatch();
  EXPECT_TRUE(end.run.empty() && end.dropped.empty());
}

TEST_F(BatchQueueTest, CancelledTaskComesOutAsDropped) {
  auto cancel = std::make_shared<CancelToken>();
  auto task = MakeTask(1, &results_, absl::InfiniteFuture(), cancel);
  ASSERT_TRUE(queue_.Submit(task).ok());
  Submit(1);
  cancel->Cancel();
  const Batch batch = queue_.NextBatch();
  EXPECT_EQ(batch.run.size(), 1u);
  EXPECT_EQ(batch.dropped.size(), 1u);
}

TEST_F(BatchQueueTest, DropsWhatTheModelIsTooSlowFor) {
  load_.RecordBatch(1, absl::Seconds(1));
  Submit(5, absl::Seconds(4));
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
      queue_.Done();
    }
  });
  Submit(1);
  queue_.Close();
  worker.join();
  EXPECT_THAT(sizes, testing::ElementsAre(1));
}

TEST_F(BatchQueueTest, NoBatchIsTakenAheadUnlessAFullOneAndALittleMoreWaits) {
  Submit(1);
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
  for (int i = 0; i < 11; ++i) Submit(1);
  EXPECT_FALSE(queue_.ready());
  Submit(1);
  ASSERT_TRUE(queue_.ready());
  EXPECT_EQ(queue_.NextBatch().run.size(), 10u);
  EXPECT_FALSE(queue_.ready()) << "two wait";
  queue_.Done();
  EXPECT_FALSE(queue_.ready()) << "one batch still runs";
  queue_.Done();
  ASSERT_TRUE(queue_.ready());
  EXPECT_EQ(queue_.NextBatch().run.size(), 2u);
  EXPECT_FALSE(queue_.ready()) << "nothing waits";
}

TEST_F(BatchQueueTest, FullIsWhatTheBudgetIsAtTheMoment) {
  Submit(1);
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
  for (int i = 0; i < 6; ++i) Submit(1);
  queue_.budget().OutOfMemory(10);
  EXPECT_FALSE(queue_.ready());
  Submit(1);
  ASSERT_TRUE(queue_.ready());
  EXPECT_EQ(queue_.NextBatch().run.size(), 5u);
}

TEST_F(BatchQueueTest, WhereSizesDoNotMixTheFullestRunsAndTheFirstIsPassedOverTwice) {
  BatchQueue::Options options = SmallOptions();
  options.limits.mixed_sizes = false;
  BatchQueue queue(options, &clock_);
  const auto submit = [&](Size size) {
    Task::Work work;
    work.image = TestImage(size);
    work.cost = 4;
    work.cancel = std::make_shared<CancelToken>();
    auto task = std::make_unique<Task>(std::move(work), [](const Task::Result&) {});
    ASSERT_TRUE(queue.Submit(task).ok());
  };
  submit({16, 32});
  for (int i = 0; i < 6; ++i) submit({32, 16});
  std::vector<std::vector<int>> heights;
  std::vector<BatchCut> cuts;
  while (queue.depth() > 0) {
    const Batch batch = queue.NextBatch();
    heights.emplace_back();
    for (const auto& task : batch.run) heights.back().push_back(task->work().image.size.height);
    cuts.push_back(batch.cut);
    queue.Done();
  }
  using testing::ElementsAre;
  EXPECT_THAT(heights, ElementsAre(ElementsAre(32, 32), ElementsAre(32, 32), ElementsAre(16),
                                   ElementsAre(32, 32)));
  EXPECT_THAT(
      cuts, ElementsAre(BatchCut::kCost, BatchCut::kCost, BatchCut::kSize, BatchCut::kQueueEmpty));
}

TEST_F(BatchQueueTest, WhereSizesDoNotMixTooLateImagesOfOneAreDroppedAndOfTheNextRun) {
  load_.RecordBatch(1, absl::Seconds(1));
  BatchQueue::Options options = SmallOptions();
  options.limits.mixed_sizes = false;
  BatchQueue queue(options, &clock_, &load_);
  for (const int height : {16, 32, 48, 64}) {
    Task::Work work;
    work.image = TestImage({height, 16});
    work.cost = 5;
    work.deadline = clock_.Now() + absl::Seconds(4);
    work.cancel = std::make_shared<CancelToken>();
    auto task = std::make_unique<Task>(std::move(work), [](const Task::Result&) {});
    ASSERT_TRUE(queue.Submit(task).ok());
  }
  std::vector<size_t> runs;
  for (; queue.depth() > 0; queue.Done()) runs.push_back(queue.NextBatch().run.size());
  EXPECT_THAT(runs, testing::ElementsAre(0, 1, 0, 1)) << "the estimate may be wrong";
}

TEST_F(BatchQueueTest, WhatWasDroppedDoesNotCountAsWaiting) {
  auto cancel = std::make_shared<CancelToken>();
  cancel->Cancel();
  auto task = MakeTask(10, &results_, absl::InfiniteFuture(), cancel);
  ASSERT_TRUE(queue_.Submit(task).ok());
  for (int i = 0; i < 11; ++i) Submit(1);
  EXPECT_EQ(queue_.NextBatch().dropped.size(), 1u);
  for (int i = 0; i < 10; ++i) Submit(1);
  EXPECT_FALSE(queue_.ready()) << "eleven wait";
  Submit(1);
  EXPECT_TRUE(queue_.ready());
}

TEST_F(BatchQueueTest, BatchIsFullByImagesOrBytesTooAndWhatIsTakenOrDroppedDoesNotCount) {
  struct Case {
    int max_images;
    int64_t max_bytes;
    bool mixed_sizes;
    int full;
  };
  for (const Case& what : {Case{4, 1000, true, 4}, Case{100, 40, true, 6}, Case{4, 1000, false, 4},
                           Case{100, 40, false, 4}, Case{100, 1000, false, 10}}) {
    BatchQueue::Options options = SmallOptions();
    options.limits.max_images = what.max_images;
    options.limits.max_bytes = what.max_bytes;
    options.limits.mixed_sizes = what.mixed_sizes;
    BatchQueue queue(options, &clock_);
    for (const bool drop : {true, false, false}) {
      auto first = MakeTask(1, &results_);
      ASSERT_TRUE(queue.Submit(first).ok());
      EXPECT_EQ(queue.NextBatch().run.size(), 1u);
      const auto cancel = std::make_shared<CancelToken>();
      int waiting = 0;
      for (; waiting < 100 && !queue.ready(); ++waiting) {
        auto task = MakeTask(1, &results_, absl::InfiniteFuture(), cancel);
        ASSERT_TRUE(queue.Submit(task).ok());
      }
      EXPECT_EQ(waiting, what.full) << what.max_images << " images, " << what.max_bytes << " bytes";
      if (drop) cancel->Cancel();
      for (queue.Done(); queue.depth() > 0; queue.Done()) queue.NextBatch();
    }
  }
}

TEST_F(BatchQueueTest, ClosedQueueHandsOutItsRestWhenTheBatchBeforeIsDone) {
  Submit(1);
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
  Submit(1);
  queue_.Close();
  EXPECT_FALSE(queue_.ready());
  queue_.Done();
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
  ASSERT_TRUE(queue_.ready()) << "an end waits for no batch";
  EXPECT_TRUE(queue_.NextBatch().run.empty());
}

TEST_F(BatchQueueTest, BatchTakenAheadKeepsTheDeadlinesOfTheTimeAtWhichItBegins) {
  load_.RecordBatch(1, absl::Seconds(1));
  Submit(10);
  EXPECT_EQ(queue_.NextBatch().run.size(), 1u) << "until second 10";
  clock_.Advance(absl::Seconds(4));
  // Alone each would be computed at second 11.
  Submit(1, absl::Seconds(7.5));
  for (int i = 0; i < 12; ++i) Submit(1);
  Submit(1, absl::Seconds(6.5));
  clock_.Advance(absl::Seconds(1));
  Batch batch = queue_.NextBatch();
  EXPECT_EQ(batch.run.size(), 1u) << "a second one would be too late";
  EXPECT_EQ(batch.run[0]->work().deadline, clock_.Now() + absl::Seconds(6.5));
  EXPECT_EQ(batch.run[0]->queue_time, absl::Seconds(1)) << "by the time that it is";
  ASSERT_EQ(batch.dropped.size(), 1u);
  EXPECT_EQ(batch.dropped[0]->work().deadline, clock_.Now() + absl::Seconds(5.5));

  // The first batch took longer; the second begins now, at second 15, and ends a second later.
  clock_.Advance(absl::Seconds(10));
  queue_.Done();
  Submit(1, absl::Seconds(1.5));
  batch = queue_.NextBatch();
  EXPECT_EQ(batch.run.size(), 10u);
  ASSERT_EQ(batch.dropped.size(), 1u);
  EXPECT_EQ(batch.dropped[0]->work().deadline, clock_.Now() + absl::Seconds(1.5));
}

TEST_F(BatchQueueTest, WorkerThatWaitsForAnotherWakesWhenItsBatchIsDoneOrAFullOneWaits) {
  for (int i = 0; i < 1000; ++i) {
    const int images = i % 2 == 0 ? 1 : 12;
    Submit(1);
    EXPECT_EQ(queue_.NextBatch().run.size(), 1u);
    std::thread worker([&] { EXPECT_FALSE(queue_.NextBatch().run.empty()); });
    for (int image = 0; image < images; ++image) Submit(1);
    if (images > 1) worker.join();
    queue_.Done();
    if (images == 1) worker.join();
    queue_.Done();
    if (images == 1) continue;
    EXPECT_EQ(queue_.NextBatch().run.size(), 2u);
    queue_.Done();
  }
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
