// `radio embed` on full disks, beside itself, and with servers that break their promises.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/client/cli/radio_process.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class EmbedFailuresTest : public ::testing::Test {
 protected:
  EmbedFailuresTest() : work_(MakeTemporaryFolder()) {
    for (int i = 0; i < 12; ++i) {
      WriteTo(absl::StrCat(work_, "/photos/", 10 + i, ".jpg"),
              absl::StrCat(i == 5 ? "broken" : "photo", i));
    }
  }

  std::string Out(const std::string& name) const { return absl::StrCat(work_, "/", name); }
  std::vector<std::string> Command(const std::string& out,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {
        "--server", server_.address(), "embed",          work_ + "/photos",
        "--out",    Out(out),          "--shard-images", "4"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  // The exit code; `err_` is what was printed.
  int Run(const std::vector<std::string>& command) {
    RadioProcess process(command, work_ + "/logs");
    const int code = process.Wait();
    err_ = process.err();
    return code;
  }

  const std::string work_;
  FakeServer server_;
  std::string err_;
};

// As on a full disk, writes fail, the first of them half done.
class LimitedFiles {
 public:
  explicit LimitedFiles(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    // ThreadSanitizer maps a temporary file when a program begins, unless it cannot have one, and
    // does not look whether it could write it.
    if (const char* folder = getenv("TMPDIR")) temporary_ = folder;
    setenv("TMPDIR", "/nonexistent", 1);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~LimitedFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    temporary_.has_value() ? setenv("TMPDIR", temporary_->c_str(), 1) : unsetenv("TMPDIR");
    signal(SIGXFSZ, handler_);
  }

 private:
  void (*const handler_)(int);
  std::optional<std::string> temporary_;
  rlimit before_;
};

TEST_F(EmbedFailuresTest, AFullDiskEndsTheRunAndAResumedOneCompletesIt) {
  ASSERT_EQ(Run(Command("clean")), 3);
  const auto clean = Contents(Out("clean"));
  {
    // Room for the first shard's lines and some of the second's.
    const LimitedFiles limited(clean.at("manifest.jsonl").size() / 2);
    EXPECT_EQ(Run(Command("full")), 1);
  }
  EXPECT_THAT(err_, AllOf(HasSubstr("cannot write"), HasSubstr("File too large")));
  EXPECT_THAT(err_, HasSubstr("--resume"));
  EXPECT_EQ(ReadFrom(Out("full/manifest.jsonl")),
            clean.at("manifest.jsonl").substr(0, clean.at("manifest.jsonl").size() / 2));
  EXPECT_EQ(Run(Command("full", {"--resume"})), 3);
  EXPECT_EQ(Contents(Out("full")), clean);
}

TEST_F(EmbedFailuresTest, AFileThatCannotBeWrittenIsNamed) {
  WriteTo(Out("file"), "");
  EXPECT_EQ(Run(Command("file")), 2);
  EXPECT_THAT(err_, HasSubstr(Out("file") + ": "));
  for (const char* name : {"manifest.jsonl", "failed.jsonl"}) {
    const std::string out = absl::StrCat("no-", name);
    fs::create_directories(Out(out) + "/" + name);
    EXPECT_EQ(Run(Command(out)), 1);
    EXPECT_THAT(err_, HasSubstr(name));
  }
  fs::create_directories(Out("full"));
  fs::create_symlink("/dev/full", Out("full/job.json.tmp"));
  EXPECT_EQ(Run(Command("full")), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("job.json.tmp"), HasSubstr("No space left")));
}

TEST_F(EmbedFailuresTest, ASecondRunIntoTheSameFolderIsRefusedWhileTheFirstWrites) {
  server_.service().Hold(true);
  RadioProcess first(Command("out"), work_ + "/logs");
  while (first.running() && server_.service().record().received == 0) std::this_thread::yield();
  EXPECT_EQ(Run(Command("out", {"--resume"})), 2);
  EXPECT_THAT(err_, HasSubstr("another run is writing to " + Out("out")));
  server_.service().Hold(false);
  EXPECT_EQ(first.Wait(), 3);
}

TEST_F(EmbedFailuresTest, OutputsThatCannotBeHadAreRefusedBeforeAnythingIsWritten) {
  FakeBehaviour behaviour;
  behaviour.change_model = [](v1::Model* model) {
    model->mutable_adaptors(0)->set_feature_dim(0);
    model->mutable_adaptors(1)->set_summary_dim(0);
  };
  server_.service().SetBehaviour(behaviour);
  EXPECT_EQ(Run(Command("out", {"--features"})), 2);
  EXPECT_THAT(err_, HasSubstr("backbone of fake has no features"));
  EXPECT_EQ(Run(Command("out", {"--outputs", "clip"})), 2);
  EXPECT_THAT(err_, HasSubstr("clip of fake has no summary"));
  EXPECT_EQ(Run(Command("out", {"--outputs", "backbone,backbone"})), 2);
  EXPECT_THAT(err_, HasSubstr("backbone is named twice"));
  EXPECT_EQ(Run(Command("out", {"--outputs", ","})), 2);
  EXPECT_THAT(err_, HasSubstr("names nothing"));
  for (const char* part : {"1", "x/2", "1/x", "-1/2", "2/2"}) {
    EXPECT_EQ(Run(Command("out", {absl::StrCat("--shard=", part)})), 2) << part;
    EXPECT_THAT(err_, HasSubstr("must be i/n with 0 <= i < n")) << part;
  }
  EXPECT_FALSE(fs::exists(Out("out")));
}

TEST_F(EmbedFailuresTest, AnswersThatTheModelsFactsDoNotPromiseAreNotStored) {
  const std::vector<std::string> features = {"--features"};
  server_.service().ChangeResults([](v1::ImageResult* result) {
    result->mutable_outputs(0)->mutable_summary()->mutable_shape()->Set(0, 2);
    result->mutable_outputs(0)->mutable_summary()->mutable_data()->resize(8);
  });
  EXPECT_EQ(Run(Command("shape")), 1);
  EXPECT_THAT(err_, HasSubstr("summaries are not what the model's facts promise"));
  server_.service().ChangeResults([](v1::ImageResult* result) {
    v1::Tensor* tensor = result->mutable_outputs(0)->mutable_features();
    tensor->mutable_shape()->Set(1, 2 * tensor->shape(1));
    tensor->set_data_type(v1::DATA_TYPE_FLOAT16);
  });
  EXPECT_EQ(Run(Command("type", features)), 1);
  EXPECT_THAT(err_, HasSubstr("features are not what the model's facts promise"));
  server_.service().ChangeResults(
      [](v1::ImageResult* result) { result->mutable_outputs(0)->clear_features(); });
  EXPECT_EQ(Run(Command("missing", features)), 1);
  EXPECT_THAT(err_, HasSubstr("holds no features of backbone"));
  EXPECT_EQ(ReadFrom(Out("missing/manifest.jsonl")), "");
}

}  // namespace
}  // namespace radio::client
