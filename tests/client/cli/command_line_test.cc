// What `radio` makes of its options, and of answers that break the protocol.
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/client/cli/radio_process.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() : work_(MakeTemporaryFolder()), image_(work_ + "/a.jpg") {
    WriteTo(image_, "one");
  }

  // The exit code; `out_` and `err_` are what was printed.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--server", server_.address()});
    RadioProcess process(arguments, work_);
    const int code = process.Wait();
    out_ = process.out();
    err_ = process.err();
    return code;
  }
  int Bench(const std::string& option, const std::string& value) {
    return Run({"bench", "--duration", "0.1", "--warmup", "0", option, value});
  }
  int Classify(const std::string& resize) {
    return Run({"classify", image_, "--adaptor", "backbone", "--classes",
                "tests/client/testdata/stored.npz", "--resize", resize});
  }

  const std::string work_;
  const std::string image_;
  FakeServer server_;
  std::string out_;
  std::string err_;
};

TEST_F(CommandLineTest, EveryCommandRefusesOptionsThatCannotConnect) {
  const std::string out = work_ + "/out";
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"models"},
           {"health"},
           {"embed", image_, "--out", out},
           {"pca", image_, "--out", out},
           {"heat", image_, "--at", "1,1", "--out", out},
           {"classify", image_, "--classes", "tests/client/testdata/stored.npz"},
           {"bench"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--tls-ca", "ca.pem"});
    EXPECT_EQ(Run(arguments), 2) << command[0];
    EXPECT_THAT(err_, HasSubstr("TLS is not enabled")) << command[0];
  }
  EXPECT_EQ(server_.service().record().calls, 0);
}

TEST_F(CommandLineTest, TheTokenOfTheEnvironmentGivesWayToAFile) {
  setenv("RADIO_TOKEN", " from-environment\n", 1);
  EXPECT_EQ(Run({"models"}), 0);
  EXPECT_EQ(server_.service().record().authorizations.back(), "Bearer from-environment");
  WriteTo(work_ + "/token", "from-file");
  EXPECT_EQ(Run({"models", "--token-file", work_ + "/token"}), 0);
  EXPECT_EQ(server_.service().record().authorizations.back(), "Bearer from-file");
  EXPECT_EQ(Run({"models", "--token-file", work_ + "/none"}), 2);
  EXPECT_THAT(err_, HasSubstr("/none"));
  unsetenv("RADIO_TOKEN");
}

TEST_F(CommandLineTest, EveryWayToResizeReachesTheServer) {
  const std::string out = work_ + "/out.png";
  const auto asked = [&](const std::string& resize) {
    EXPECT_EQ(Run({"pca", image_, "--out", out, "--resize", resize}), 0) << err_;
    return server_.service().record().preprocessing;
  };
  EXPECT_EQ(asked("none").resize(), v1::RESIZE_MODE_UNSPECIFIED);
  EXPECT_EQ(asked("nearest").resize(), v1::RESIZE_MODE_NEAREST_SUPPORTED);
  EXPECT_EQ(asked("preferred").resize(), v1::RESIZE_MODE_PREFERRED);
  const v1::Preprocessing shortest = asked("shortest=48");
  EXPECT_EQ(shortest.resize(), v1::RESIZE_MODE_SHORTEST_SIDE);
  EXPECT_EQ(shortest.shortest_side(), 48);
  const v1::Preprocessing exact = asked("exact=32x64");
  EXPECT_EQ(exact.resize(), v1::RESIZE_MODE_EXACT);
  EXPECT_EQ(exact.height(), 32);
  EXPECT_EQ(exact.width(), 64);
}

TEST_F(CommandLineTest, ResizesThatAreNoneAreRefused) {
  for (const char* resize : {"huge", "shortest", "shortest=0", "shortest=x", "exact=32",
                             "exact=x32", "exact=32x0", "nearest=3x"}) {
    EXPECT_EQ(Run({"heat", image_, "--at", "1,1", "--out", work_ + "/x.png", "--resize", resize}),
              2)
        << resize;
    EXPECT_THAT(err_, HasSubstr("must be none, nearest")) << resize;
  }
  EXPECT_EQ(Classify("huge"), 2);
  EXPECT_EQ(Bench("--resize", "huge"), 2);
}

TEST_F(CommandLineTest, BenchRefusesSizesThatAreNone) {
  for (const char* sizes : {"", "32", "ax32", "32xa", "0x32", "32x0", "16385x32", "32x16385"}) {
    EXPECT_EQ(Bench("--sizes", sizes), 2) << sizes;
  }
  EXPECT_THAT(err_, HasSubstr("--sizes 32x16385: must be HxW with sides from 1 to 16384"));
}

TEST_F(CommandLineTest, BenchFailsWhenNothingCouldBeMeasuredOrWritten) {
  EXPECT_EQ(Bench("--model", "nonesuch"), 1);
  EXPECT_THAT(err_, HasSubstr("MODEL_NOT_FOUND"));
  EXPECT_EQ(Bench("--json", work_ + "/none/report.json"), 1);
  EXPECT_THAT(err_, HasSubstr("/none/report.json"));
  FakeBehaviour behaviour;
  behaviour.image_status = [](const std::string&) {
    return FakeError(3, "IMAGE_UNDECODABLE", "not an image");
  };
  server_.service().SetBehaviour(behaviour);
  EXPECT_EQ(Bench("--json", "-"), 1);
  EXPECT_THAT(out_, HasSubstr("\"ok\": 0"));
  EXPECT_THAT(out_, HasSubstr("IMAGE_UNDECODABLE"));
}

TEST_F(CommandLineTest, ModelsSayWhatIsMissing) {
  FakeBehaviour behaviour;
  behaviour.change_model = [](v1::Model* model) {
    model->set_ready(false);
    model->mutable_adaptors(0)->set_feature_dim(0);
    model->mutable_adaptors(1)->set_summary_dim(0);
  };
  server_.service().SetBehaviour(behaviour);
  EXPECT_EQ(Run({"models"}), 0);
  EXPECT_THAT(out_, HasSubstr("fake (not ready)\n"));
  EXPECT_THAT(out_, HasSubstr("backbone, summary [8]\n"));
  EXPECT_THAT(out_, HasSubstr("clip, features [T, 5], 2 tokens per side"));
}

TEST_F(CommandLineTest, AnswersWithoutWhatWasAskedForFailTheImage) {
  server_.service().ChangeResults([](v1::ImageResult* result) { result->clear_outputs(); });
  EXPECT_EQ(Run({"pca", image_, "--out", work_ + "/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("holds no features of backbone"));
  EXPECT_EQ(Run({"heat", image_, "--at", "1,1", "--out", work_ + "/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("holds no features of backbone"));
  EXPECT_EQ(Classify("nearest"), 2) << "the classes are of clip";
  server_.service().ChangeResults([](v1::ImageResult* result) {
    for (v1::Output& output : *result->mutable_outputs()) output.clear_summary();
  });
  EXPECT_EQ(Run({"pca", image_, "--out", work_ + "/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("holds no summary of backbone"));
}

TEST_F(CommandLineTest, FeaturesOfAnotherShapeThanAskedForFailTheImage) {
  server_.service().ChangeResults([](v1::ImageResult* result) {
    v1::Tensor* features = result->mutable_outputs(0)->mutable_features();
    const int64_t tokens = features->shape(0) * features->shape(1);
    features->mutable_shape()->Set(1, tokens);
    features->mutable_shape()->SwapElements(0, 1);
    features->mutable_shape()->Set(1, features->shape(2));
    features->mutable_shape()->RemoveLast();
  });
  EXPECT_EQ(Run({"pca", image_, "--out", work_ + "/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("features are not [h, w, D]"));
  EXPECT_EQ(Run({"heat", image_, "--at", "1,1", "--out", work_ + "/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("features are not [h, w, D]"));
}

TEST_F(CommandLineTest, PicturesThatCannotBeWrittenAreAnError) {
  WriteTo(work_ + "/file", "");
  EXPECT_EQ(Run({"pca", image_, "--out", work_ + "/file/x.png"}), 1);
  EXPECT_THAT(err_, HasSubstr("cannot write " + work_ + "/file/x.png"));
  EXPECT_EQ(Run({"pca", image_, "--out", work_ + "/file/folder"}), 2);
  EXPECT_THAT(err_, HasSubstr("/file/folder: "));
}

TEST_F(CommandLineTest, CompletionNamesEveryCommandAndItsOptions) {
  EXPECT_EQ(Run({"completion", "bash"}), 0);
  for (const char* command : {"models", "health", "embed", "pca", "heat", "classify", "bench"}) {
    EXPECT_THAT(out_, HasSubstr(std::string("    ") + command + ") words='"));
  }
  EXPECT_THAT(out_, HasSubstr("--shard-images"));
  EXPECT_THAT(out_, HasSubstr("complete -o default -F _radio radio"));
  EXPECT_EQ(Run({"completion", "nosuchshell"}), 2);
}

}  // namespace
}  // namespace radio::client
