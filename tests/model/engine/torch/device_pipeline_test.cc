// The engine on a device, where the ends of one batch overlap the middle of another. Without a GPU:
// on a device that does all at once, and checks the order that was asked for.
#include <gmock/gmock.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "tests/model/engine/torch/scripted_engine.h"
#include "tests/model/engine/torch/simulated_device.h"

namespace radio {
namespace {

using simulated_device::kDefaultStream;
using simulated_device::Work;
using testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(20);

class DevicePipelineTest : public ScriptedEngineTest {
 protected:
  DevicePipelineTest() {
    simulated_device::Register();
    on_host_ = Load();
    options_.device = simulated_device::kName;
    engine_ = Load();
    simulated_device::Order().TakeRaces();
  }
  ~DevicePipelineTest() override {
    simulated_device::OnWork(nullptr);
    EXPECT_THAT(simulated_device::Order().TakeRaces(), IsEmpty());
  }

  // That the device answers as the CPU does.
  void RunAndCompare(const std::vector<BatchItem>& batch) {
    const auto results = engine_->Run(batch);
    ASSERT_TRUE(results.ok()) << results.status();
    const auto expected = on_host_->Run(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      for (size_t o = 0; o < (*expected)[i]->size(); ++o) {
        const Output& mine = (*(*results)[i])[o];
        const Output& other = (*(*expected)[i])[o];
        EXPECT_EQ(Floats(mine.summary), Floats(other.summary)) << i;
        EXPECT_EQ(Floats(mine.features), Floats(other.features)) << i;
      }
    }
  }

  std::unique_ptr<Engine> on_host_;
  std::unique_ptr<Engine> engine_;
  const std::vector<OutputRequest> some_ = {Ask(kGood, true, true)};
  const std::vector<BatchItem> mixed_ = {
      {&small_, &everything_}, {&tall_, &some_}, {&large_, &everything_}};
  const std::vector<BatchItem> alone_ = {{&tall_, &everything_}};
};

TEST_F(DevicePipelineTest, TwoRunsAreWorthMaking) {
  EXPECT_EQ(engine_->overlapping_runs(), 2);
  EXPECT_EQ(on_host_->overlapping_runs(), 1);
}

TEST_F(DevicePipelineTest, AnswersAreThoseOfTheCpu) {
  RunAndCompare(mixed_);
  RunAndCompare(alone_);
}

TEST_F(DevicePipelineTest, OnlyTheAnswersAreWaitedFor) {
  std::vector<Work> work;
  simulated_device::OnWork([&](const Work& piece) { work.push_back(piece); });
  ASSERT_TRUE(engine_->Run(mixed_).ok());
  ASSERT_FALSE(work.empty());
  EXPECT_EQ(work.front().what, "upload");
  EXPECT_NE(work.front().stream, kDefaultStream);
  EXPECT_EQ(work.back().what, "blocking download");
  EXPECT_NE(work.back().stream, kDefaultStream);
  EXPECT_NE(work.back().stream, work.front().stream);
  for (size_t i = 1; i + 1 < work.size(); ++i) {
    EXPECT_EQ(work[i].stream, kDefaultStream) << work[i].what;
    EXPECT_FALSE(absl::StartsWith(work[i].what, "blocking")) << work[i].what;
  }
}

// One batch stops in the middle of its computation until the images of another are on their way.
TEST_F(DevicePipelineTest, ABatchIsStagedWhileAnotherIsComputed) {
  absl::Notification computing;
  absl::Notification staged;
  const std::thread::id first = std::this_thread::get_id();
  bool overlapped = false;
  simulated_device::OnWork([&](const Work& work) {
    if (std::this_thread::get_id() == first && work.what == "radio::linear") {
      computing.Notify();
      overlapped = staged.WaitForNotificationWithTimeout(kPatience);
    }
    if (std::this_thread::get_id() != first && work.what == "upload" && !staged.HasBeenNotified()) {
      staged.Notify();
    }
  });
  std::thread second([&] {
    computing.WaitForNotification();
    RunAndCompare(alone_);
  });
  RunAndCompare(mixed_);
  second.join();
  EXPECT_TRUE(overlapped);
}

// One batch's answers are stopped on their way until another is computed.
TEST_F(DevicePipelineTest, ABatchIsComputedWhileTheAnswersOfAnotherLeave) {
  absl::Notification leaving;
  absl::Notification computed;
  const std::thread::id first = std::this_thread::get_id();
  bool overlapped = false;
  simulated_device::OnWork([&](const Work& work) {
    if (std::this_thread::get_id() == first && work.what == "blocking download") {
      leaving.Notify();
      overlapped = computed.WaitForNotificationWithTimeout(kPatience);
    }
    if (std::this_thread::get_id() != first && work.what == "radio::gather_outputs") {
      computed.Notify();
    }
  });
  std::thread second([&] {
    leaving.WaitForNotification();
    RunAndCompare(alone_);
  });
  RunAndCompare(mixed_);
  second.join();
  EXPECT_TRUE(overlapped);
}

TEST_F(DevicePipelineTest, BatchesThatOverlapDoNotMix) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 10; ++i) RunAndCompare((i + t) % 2 == 0 ? mixed_ : alone_);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DevicePipelineTest, ABatchThatFailsLeavesNothingInUse) {
  const std::vector<OutputRequest> raising = {Ask(kRaising, true, false)};
  const BatchItem bad = {&small_, &raising};
  EXPECT_EQ(ReasonOf(engine_->Run({&bad, 1}).status()), Reason::kInferenceFailed);
  EXPECT_THAT(simulated_device::Order().TakeRaces(), IsEmpty());
  RunAndCompare(mixed_);
}

TEST_F(DevicePipelineTest, BrokenImagesFailBeforeTheyTravel) {
  ImageTensor broken = small_;
  broken.pixels.data.remove_suffix(1);
  const BatchItem bad = {&broken, &everything_};
  simulated_device::OnWork([](const Work& work) { ADD_FAILURE() << work.what; });
  EXPECT_EQ(ReasonOf(engine_->Run({&bad, 1}).status()), Reason::kInferenceFailed);
}

}  // namespace
}  // namespace radio
