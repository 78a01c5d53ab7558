// The engine on a device, where the ends of one batch overlap the middle of another. Without a GPU:
// on a device that does all at once, and checks the order that was asked for.
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include <atomic>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "model/model_registry.h"
#include "tests/model/engine/torch/scripted_engine.h"
#include "tests/model/engine/torch/simulated_device.h"
#include "tests/testing/fake_metrics.h"

namespace radio {
namespace {

using simulated_device::kDefaultStream;
using simulated_device::Work;
using testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(10);

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
    for (size_t i = 0; i < batch.size(); ++i) Compare(*(*results)[i], batch[i]);
  }

  void Compare(const ItemOutputs& outputs, const BatchItem& item) {
    const auto expected = on_host_->Run({&item, 1});
    ASSERT_EQ(outputs.size(), (*expected)[0]->size());
    for (size_t o = 0; o < outputs.size(); ++o) {
      EXPECT_EQ(Floats(outputs[o].summary), Floats((*(*expected)[0])[o].summary));
      EXPECT_EQ(Floats(outputs[o].features), Floats((*(*expected)[0])[o].features));
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
  EXPECT_EQ(work.back().what, "wait");
  work.pop_back();
  EXPECT_EQ(work.front().what, "upload");
  EXPECT_NE(work.front().stream, kDefaultStream);
  EXPECT_EQ(work.back().what, "download");
  EXPECT_NE(work.back().stream, kDefaultStream);
  EXPECT_NE(work.back().stream, work.front().stream);
  for (size_t i = 1; i + 1 < work.size(); ++i) {
    EXPECT_EQ(work[i].stream, kDefaultStream) << work[i].what;
    EXPECT_FALSE(simulated_device::Waits(work[i])) << work[i].what;
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

// One batch's answers are waited for until another is computed.
TEST_F(DevicePipelineTest, ABatchIsComputedWhileTheAnswersOfAnotherLeave) {
  absl::Notification leaving;
  absl::Notification computed;
  const std::thread::id first = std::this_thread::get_id();
  bool overlapped = false;
  simulated_device::OnWork([&](const Work& work) {
    if (std::this_thread::get_id() == first && work.what == "wait") {
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

// The first batch stops in the middle until the next is on its way, which the model's worker takes
// as soon as a full one waits.
TEST_F(DevicePipelineTest, AServedModelStagesTheNextBatchWhileOneIsComputed) {
  absl::Notification staged;
  std::atomic<int> uploads = 0;
  std::atomic<int> computed = 0;
  bool overlapped = false;
  simulated_device::OnWork([&](const Work& work) {
    if (work.what == "upload" && work.stream != kDefaultStream && ++uploads == 2) staged.Notify();
    if (work.what == "radio::linear" && ++computed == 1) {
      overlapped = staged.WaitForNotificationWithTimeout(kPatience);
    }
  });
  std::vector<BatchItem> items;
  for (int i = 0; i < 4; ++i) items.insert(items.end(), mixed_.begin(), mixed_.end());
  std::vector<absl::StatusOr<ItemOutputs>> answers(items.size());
  FakeMetrics metrics;
  {
    ThreadPool completions("completions", 1);
    BatchLimits limits;
    limits.max_images = 4;
    const ServedModel model(spec_, std::move(engine_), limits, &completions, Clock::Real(),
                            &metrics);
    for (size_t i = 0; i < items.size(); ++i) {
      Task::Work work;
      work.image = *items[i].image;
      work.outputs = *items[i].outputs;
      work.cost = 1;
      work.cancel = std::make_shared<CancelToken>();
      auto task = std::make_unique<Task>(std::move(work), [&answers, i](Task::Result result) {
        answers[i] = std::move(result.outputs);
      });
      ASSERT_TRUE(model.queue().Submit(task).ok());
    }
  }
  EXPECT_TRUE(overlapped);
  for (size_t i = 0; i < items.size(); ++i) {
    ASSERT_TRUE(answers[i].ok()) << answers[i].status();
    Compare(*answers[i], items[i]);
  }
}

TEST_F(DevicePipelineTest, ABatchThatFailsLeavesNothingInUse) {
  const std::vector<OutputRequest> raising = {Ask(kRaising, true, false)};
  const BatchItem bad = {&small_, &raising};
  EXPECT_EQ(ReasonOf(engine_->Run({&bad, 1}).status()), Reason::kInferenceFailed);
  EXPECT_THAT(simulated_device::Order().TakeRaces(), IsEmpty());
  RunAndCompare(mixed_);
}

// Before the images are there, and in the middle of the computation.
TEST_F(DevicePipelineTest, ADeviceOutOfMemoryIsUsableAgain) {
  const auto allocated = static_cast<size_t>(engine_->device_memory().allocated);
  size_t images = 0;
  for (const BatchItem& item : mixed_) images += item.image->pixels.data.size();
  for (const size_t room : {images / 2, images + images / 4}) {
    int computed = 0;
    simulated_device::OnWork([&](const Work& work) { computed += work.what == "radio::patchify"; });
    simulated_device::LimitMemory(allocated + room);
    const absl::Status status = engine_->Run(mixed_).status();
    EXPECT_TRUE(IsOutOfMemory(status)) << status;
    EXPECT_EQ(computed, room < images ? 0 : 1);
    simulated_device::OnWork(nullptr);
  }
  simulated_device::LimitMemory(std::numeric_limits<size_t>::max());
  RunAndCompare(mixed_);
  EXPECT_TRUE(engine_->healthy());
}

TEST_F(DevicePipelineTest, ADeviceThatDoesNotBeginIsAnErrorOfTheLoad) {
  simulated_device::FailToBegin(true);
  const absl::Status status = LoadError();
  simulated_device::FailToBegin(false);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("busy or unavailable"));
}

// What the tests above rely on.
TEST_F(DevicePipelineTest, ItIsSeenWhenTheHostNeedsValues) {
  const at::Tensor values = at::ones({4}).to(c10::Device(simulated_device::kName));
  std::vector<std::string> waits;
  simulated_device::OnWork([&](const Work& work) {
    if (simulated_device::Waits(work)) waits.push_back(work.what);
  });
  const at::Tensor mask = values > 0;
  EXPECT_THAT(waits, IsEmpty());
  values[0].item();
  values.nonzero();
  values.index({mask});
  values.masked_select(mask);
  values.cpu();
  EXPECT_THAT(waits, testing::ElementsAre("blocking aten::_local_scalar_dense",
                                          "blocking aten::nonzero", "blocking aten::nonzero",
                                          "blocking aten::masked_select", "blocking download"));
}

TEST_F(DevicePipelineTest, MemoryIsOfTheDeviceAndGivenBack) {
  const DeviceMemory before = engine_->device_memory();
  EXPECT_GT(before.allocated, 0) << "weights";
  RunAndCompare(mixed_);
  EXPECT_EQ(engine_->device_memory().allocated, before.allocated);
  EXPECT_GT(engine_->device_memory().reserved, before.allocated);
  engine_->ReleaseMemory();
  EXPECT_EQ(engine_->device_memory().reserved, before.allocated);
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
