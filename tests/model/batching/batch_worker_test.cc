#include "model/batching/batch_worker.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <thread>

#include "model/errors.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/fake_metrics.h"
#include "tests/testing/gate.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

// Runs `values.size()` images, each filled with its value, through a worker in one batch and
// returns their statuses in order.
class BatchWorkerTest : public testing::Test {
 protected:
  std::vector<absl::Status> Run(const std::vector<uint8_t>& values, FakeEngine* engine) {
    BatchQueue::Options options;
    options.limits.max_cost = 1e9;
    options.limits.max_images = 1000;
    BatchQueue queue(options, &clock_, &load_);
    std::vector<absl::Status> statuses(values.size(), absl::UnknownError("not completed"));
    for (size_t i = 0; i < values.size(); ++i) {
      Task::Work work;
      work.image = TestImage({32, 48}, values[i]);
      work.outputs = {OutputRequest{0, true, true}};
      work.cost = 7;
      work.cancel = cancel_;
      if (deadlines_.count(i) > 0) work.deadline = deadlines_[i];
      auto task = std::make_unique<Task>(
          std::move(work), [&, i](Task::Result result) { statuses[i] = result.outputs.status(); });
      EXPECT_TRUE(queue.Submit(task).ok());
    }
    queue.Close();
    {
      ThreadPool completions("completions", 1);
      BatchWorker worker({"m", 16}, {&queue, engine, &completions, &load_, &clock_, &metrics_});
    }
    budget_ = queue.budget().current();
    return statuses;
  }

  SimulatedClock clock_;
  ModelLoad load_;
  FakeMetrics metrics_;
  // Of the images that have one, by their index.
  std::map<size_t, absl::Time> deadlines_;
  // The queue's live budget after Run.
  double budget_ = 0;
  std::shared_ptr<CancelToken> cancel_ = std::make_shared<CancelToken>();
};

constexpr uint8_t kPoison = 255;

FakeEngine::Hook FailOnPoison() {
  return [](absl::Span<const BatchItem> batch) {
    for (const BatchItem& item : batch) {
      if (item.image->pixels.data[0] == kPoison) {
        return MakeError(Reason::kInferenceFailed, "poisoned");
      }
    }
    return absl::OkStatus();
  };
}

TEST_F(BatchWorkerTest, RunsWhatWaitsAsOneBatchAndReportsIt) {
  FakeEngine engine(TestSpec());
  for (const absl::Status& status : Run({1, 2, 3}, &engine)) EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(3));
  ASSERT_EQ(metrics_.batches().size(), 1u);
  EXPECT_EQ(metrics_.batches()[0].images, 3);
  EXPECT_EQ(metrics_.batches()[0].tokens, 3 * 2 * 3);
  EXPECT_EQ(metrics_.batches()[0].cost, 21);
}

TEST_F(BatchWorkerTest, PoisonedImageFailsAloneWithinTheBoundOfRuns) {
  for (const size_t n : {2u, 8u, 32u}) {
    for (size_t bad = 0; bad < n; ++bad) {
      FakeEngine engine(TestSpec(), FailOnPoison());
      std::vector<uint8_t> values(n, 1);
      values[bad] = kPoison;
      const std::vector<absl::Status> statuses = Run(values, &engine);
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(statuses[i].ok(), i != bad)
            << "image " << i << " of " << n << ": " << statuses[i];
      }
      EXPECT_EQ(ReasonOf(statuses[bad]), Reason::kInferenceFailed);
      EXPECT_LE(engine.batch_sizes().size(), 1 + 2 * std::log2(n) + 1) << n << " images";
    }
  }
}

TEST_F(BatchWorkerTest, DeviceErrorIsNotRetried) {
  FakeEngine engine(TestSpec(), [](absl::Span<const BatchItem>) {
    return MakeError(Reason::kDeviceError, "the device is gone");
  });
  for (const absl::Status& status : Run({1, 2, 3, 4}, &engine)) {
    EXPECT_EQ(ReasonOf(status), Reason::kDeviceError);
  }
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(4));
}

TEST_F(BatchWorkerTest, CancelledImagesNeverReachTheEngine) {
  cancel_->Cancel();
  FakeEngine engine(TestSpec());
  for (const absl::Status& status : Run({1, 2}, &engine)) EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_TRUE(engine.batch_sizes().empty());
}

TEST_F(BatchWorkerTest, ImagesThatCannotBeInTimeNeverReachTheEngine) {
  FakeEngine engine(TestSpec(), [this](absl::Span<const BatchItem>) {
    clock_.Advance(absl::Milliseconds(70));
    return absl::OkStatus();
  });
  ASSERT_TRUE(Run({1}, &engine)[0].ok()) << "an image takes 70 ms";
  deadlines_ = {{0, clock_.Now() - absl::Milliseconds(1)},
                {1, clock_.Now() + absl::Milliseconds(69)}};
  const std::vector<absl::Status> statuses = Run({1, 2, 3}, &engine);
  for (const int late : {0, 1}) {
    EXPECT_EQ(ReasonOf(statuses[late]), Reason::kExpiredInQueue) << statuses[late];
  }
  EXPECT_THAT(std::string(statuses[0].message()), testing::HasSubstr("passed"));
  EXPECT_THAT(std::string(statuses[1].message()), testing::HasSubstr("too close"));
  EXPECT_TRUE(statuses[2].ok()) << statuses[2];
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(1, 1));
}

// There is memory for so many images.
FakeEngine::Hook MemoryFor(size_t images) {
  return [images](absl::Span<const BatchItem> batch) {
    absl::Status status;
    if (batch.size() > images) {
      status = MakeError(Reason::kInferenceFailed, "out of memory");
      SetOutOfMemory(&status);
    }
    return status;
  };
}

TEST_F(BatchWorkerTest, BatchWithoutMemoryIsRunInPartsThatFit) {
  FakeEngine engine(TestSpec(), MemoryFor(4));
  for (const absl::Status& status : Run(std::vector<uint8_t>(16, 1), &engine)) {
    EXPECT_TRUE(status.ok()) << status;
  }
  // The second eight are not tried at once again.
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(16, 8, 4, 4, 4, 4));
  EXPECT_EQ(engine.releases(), 2);
  EXPECT_EQ(budget_, 4 * 7) << "half of what did not fit";
  ASSERT_EQ(metrics_.batches().size(), 1u);
  EXPECT_EQ(metrics_.batches()[0].out_of_memory, 2);
}

TEST_F(BatchWorkerTest, ImageWithoutMemoryEvenAloneIsToComeBackLater) {
  FakeEngine engine(TestSpec(), MemoryFor(0));
  for (const absl::Status& status : Run({1, 2}, &engine)) {
    EXPECT_EQ(ReasonOf(status), Reason::kMemoryBudgetExceeded);
    EXPECT_TRUE(RetryAfterOf(status).has_value());
  }
}

// An engine for two runs at once, with limits that four images reach.
class OverlappingBatchWorkerTest : public testing::Test {
 protected:
  static BatchQueue::Options Options() {
    BatchQueue::Options options;
    options.limits.max_images = 4;
    return options;
  }

  void Submit(int images) {
    for (int i = 0; i < images; ++i) {
      Task::Work work;
      work.image = TestImage({32, 32});
      work.cost = 7;
      work.cancel = std::make_shared<CancelToken>();
      auto task = std::make_unique<Task>(std::move(work), [this](const Task::Result& result) {
        (result.outputs.ok() ? ok_ : failed_).fetch_add(1);
      });
      ASSERT_TRUE(queue_.Submit(task).ok());
    }
  }

  // Runs `hook` with the engine's number of runs going on.
  FakeEngine::Hook Counted(std::function<absl::Status(size_t images)> hook) {
    return [this, hook = std::move(hook)](absl::Span<const BatchItem> batch) {
      EXPECT_LE(inside_.fetch_add(1) + 1, 2);
      absl::Status status = hook(batch.size());
      inside_.fetch_sub(1);
      return status;
    };
  }

  ModelLoad load_;
  FakeMetrics metrics_;
  BatchQueue queue_{Options(), Clock::Real(), &load_};
  std::atomic<int> inside_{0};
  std::atomic<int> ok_{0};
  std::atomic<int> failed_{0};
};

TEST_F(OverlappingBatchWorkerTest, SecondBatchEntersTheEngineOnceItIsFullAndAThirdDoesNot) {
  Gate gate;
  gate.Close();
  FakeEngine engine(TestSpec(), Counted([&](size_t) {
                      gate.Pass();
                      return absl::OkStatus();
                    }),
                    2);
  {
    ThreadPool completions("completions", 1);
    BatchWorker worker({"m", 16},
                       {&queue_, &engine, &completions, &load_, Clock::Real(), &metrics_});
    Submit(1);
    gate.AwaitWaiting(1);
    Submit(3);
    EXPECT_FALSE(queue_.ready());
    EXPECT_EQ(queue_.depth(), 3u);
    Submit(1);
    gate.AwaitWaiting(2);
    EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(1, 4));
    Submit(9);
    EXPECT_EQ(queue_.depth(), 9u);
    queue_.Close();
    gate.Open();
  }
  EXPECT_EQ(ok_, 14);
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(1, 4, 4, 4, 1));
}

TEST_F(OverlappingBatchWorkerTest, EveryImageIsAnsweredOnceWhateverFailsMeanwhile) {
  // Closed until two runs are going on.
  Gate gate;
  gate.Close();
  std::atomic<int> runs{0};
  FakeEngine engine(TestSpec(), Counted([&](size_t images) {
                      gate.Pass();
                      const int run = runs.fetch_add(1);
                      absl::Status status;
                      if (run % 7 == 0 && images > 1) {
                        status = MakeError(Reason::kInferenceFailed, "out of memory");
                        SetOutOfMemory(&status);
                      } else if (run % 11 == 0) {
                        status = MakeError(Reason::kInferenceFailed, "poisoned");
                      }
                      return status;
                    }),
                    2);
  constexpr int kClients = 3;
  constexpr int kImages = 1000;
  {
    ThreadPool completions("completions", 1);
    BatchWorker worker({"m", 16},
                       {&queue_, &engine, &completions, &load_, Clock::Real(), &metrics_});
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([this] {
        for (int image = 0; image < kImages; ++image) Submit(1);
      });
    }
    gate.AwaitWaiting(2);
    gate.Open();
    for (std::thread& client : clients) client.join();
    queue_.Close();
  }
  EXPECT_EQ(ok_ + failed_, kClients * kImages);
  EXPECT_GT(ok_, failed_);
  EXPECT_GT(failed_, 0);
}

TEST_F(BatchWorkerTest, BatchDurationsSetTheExpectedDelay) {
  FakeEngine engine(TestSpec(), [this](absl::Span<const BatchItem>) {
    clock_.Advance(absl::Milliseconds(70));
    return absl::OkStatus();
  });
  EXPECT_EQ(load_.DelayWith(1000), absl::ZeroDuration()) << "no batch yet, no estimate";
  Run({1}, &engine);
  EXPECT_EQ(load_.DelayWith(14), absl::Milliseconds(140));
}

}  // namespace
}  // namespace radio
