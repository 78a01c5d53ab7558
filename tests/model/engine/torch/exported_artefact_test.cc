// Models from the exporter in this tree: the engine must compute what the exporter recorded.
#include <gmock/gmock.h>

#include <string>

#include "model/engine/torch/torch_engine.h"
#include "model/self_test.h"
#include "tests/testing/artefact.h"

namespace radio {
namespace {

class ExportedArtefactTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    absl::StatusOr<Artefact> artefact = ReadArtefact("tests/testing/artefacts/" + GetParam());
    ASSERT_TRUE(artefact.ok()) << artefact.status();
    artefact_ = *std::move(artefact);
    TorchEngine::Options options;
    options.directory = artefact_.directory;
    options.backbone_file = artefact_.backbone_file;
    options.adaptor_files = artefact_.adaptor_files;
    // Threads that wait for each other crawl on a machine that is busy with other tests.
    options.intra_op_threads = 1;
    absl::StatusOr<std::unique_ptr<Engine>> engine = TorchEngine::Load(options, artefact_.spec);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
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

INSTANTIATE_TEST_SUITE_P(Versions, ExportedArtefactTest,
                         testing::Values("c-radio_v3-b", "radio_v2.1", "e-radio_v2"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace radio
