#include <gmock/gmock.h>

#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "model/engine/torch/torch_engine.h"
#include "tests/model/engine/torch/scripted_engine.h"

namespace radio {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using TorchEngineLoadTest = ScriptedEngineTest;

TEST_F(TorchEngineLoadTest, DescribesTheDevice) {
  options_.intra_op_threads = 3;
  EXPECT_THAT(Load()->description(), testing::StartsWith("cpu, 3 threads"));
}

TEST_F(TorchEngineLoadTest, TakesAllProcessorsUnlessToldHowMany) {
  options_.intra_op_threads = 0;
  EXPECT_THAT(
      Load()->description(),
      testing::StartsWith(absl::StrCat("cpu, ", std::thread::hardware_concurrency(), " threads")));
}

TEST_F(TorchEngineLoadTest, FilesMayLieElsewhere) {
  options_.backbone_file = absl::StrCat(options_.directory, "/", options_.backbone_file);
  options_.directory = "/nonexistent";
  for (std::string& file : options_.adaptor_files) {
    file = options_.backbone_file.substr(0, options_.backbone_file.rfind('/') + 1) + file;
  }
  EXPECT_NE(Load(), nullptr);
}

TEST_F(TorchEngineLoadTest, NamesTheFileThatIsMissing) {
  options_.adaptor_files[1] = "absent.pt";
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("absent.pt"));
}

TEST_F(TorchEngineLoadTest, RefusesAFileThatIsNoModule) {
  std::ofstream(options_.directory + "/good.pt") << "not a module";
  const absl::Status status = LoadError();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("good.pt"), Not(HasSubstr("\n"))));
}

TEST_F(TorchEngineLoadTest, RefusesAnotherNumberOfAdaptors) {
  options_.adaptor_files.pop_back();
  EXPECT_THAT(std::string(LoadError().message()), HasSubstr("2 adaptor files for 3 adaptors"));
}

TEST_F(TorchEngineLoadTest, RefusesUnknownAndAbsentDevices) {
  options_.device = "tpu";
  EXPECT_EQ(LoadError().code(), absl::StatusCode::kInvalidArgument);
  options_.device = "cuda:99";
  EXPECT_EQ(LoadError().code(), absl::StatusCode::kFailedPrecondition) << LoadError();
}

}  // namespace
}  // namespace radio
