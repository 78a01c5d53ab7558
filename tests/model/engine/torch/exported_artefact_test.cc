// Models from the exporter in this tree: the engine must compute what the exporter recorded, on a
// CPU and by the way that batches take through a device.
#include <gmock/gmock.h>

#include <string>
#include <tuple>

#include "model/engine/torch/torch_engine.h"
#include "model/self_test.h"
#include "tests/model/engine/torch/simulated_device.h"
#include "tests/testing/artefact.h"

namespace radio {
namespace {

using simulated_device::Work;
using testing::IsEmpty;

// Version and device.
class ExportedArtefactTest : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    simulated_device::Register();
    const auto& [version, device] = GetParam();
    absl::StatusOr<Artefact> artefact = ReadArtefact("tests/testing/artefacts/" + version);
    ASSERT_TRUE(artefact.ok()) << artefact.status();
    artefact_ = *std::move(artefact);
    TorchEngine::Options options;
    options.directory = artefact_.directory;
    options.backbone_file = artefact_.backbone_file;
    options.adaptor_files = artefact_.adaptor_files;
    options.device = device;
    // Threads that wait for each other crawl on a machine that is busy with other tests.
    options.intra_op_threads = 1;
    absl::StatusOr<std::unique_ptr<Engine>> engine = TorchEngine::Load(options, artefact_.spec);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    simulated_device::Order().TakeRaces();
  }
  void TearDown() override {
    simulated_device::OnWork(nullptr);
    EXPECT_THAT(simulated_device::Order().TakeRaces(), IsEmpty());
  }

  Artefact artefact_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(ExportedArtefactTest, ComputesWhatTheExporterRecorded) {
  const absl::Status status = RunSelfTest(engine_.get(), artefact_.spec, artefact_.self_test);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(ExportedArtefactTest, ChangedRecordIsNoticed) {
  SelfTest changed = artefact_.self_test;
  for (float& value : changed.outputs[1].features) value = -value;
  EXPECT_FALSE(RunSelfTest(engine_.get(), artefact_.spec, changed).ok());
}

// A device that waits for the host in the middle of a batch idles until it has the next of it.
TEST_P(ExportedArtefactTest, OnlyTheAnswersAreWaitedFor) {
  std::vector<std::string> waits;
  simulated_device::OnWork([&](const Work& work) {
    if (simulated_device::Waits(work)) waits.push_back(work.what);
  });
  ASSERT_TRUE(RunSelfTest(engine_.get(), artefact_.spec, artefact_.self_test).ok());
  if (std::get<1>(GetParam()) == "cpu") {
    EXPECT_THAT(waits, IsEmpty());
  } else {
    EXPECT_THAT(waits, testing::Each("wait"));
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, ExportedArtefactTest,
                         testing::Combine(testing::Values("c-radio_v3-b", "radio_v2.1",
                                                          "e-radio_v2"),
                                          testing::Values("cpu", simulated_device::kName)),
                         [](const auto& info) {
                           std::string name = std::get<0>(info.param) + std::get<1>(info.param);
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace radio
