// The short commands of `radio` as a program, against a fake server.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/npy.h"
#include "tests/client/cli/radio_process.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() : work_(MakeTemporaryFolder()) {}

  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--server", server_.address()});
    RadioProcess process(arguments, work_);
    const int code = process.Wait();
    return {code, process.out(), process.err()};
  }

  std::string Image(const std::string& name, const std::string& bytes) const {
    WriteTo(work_ + "/" + name, bytes);
    return work_ + "/" + name;
  }

  const std::string work_;
  mutable FakeServer server_;
};

TEST_F(CommandsTest, ModelsAreListed) {
  const Outcome text = Run({"models"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, StartsWith("fake\n"));
  EXPECT_THAT(text.out, HasSubstr("clip, summary [6], features [T, 5], 2 tokens per side"));
  const Outcome json = Run({"models", "--json"});
  EXPECT_EQ(json.code, 0);
  EXPECT_THAT(json.out, HasSubstr("\"embedding_space\": \"fake-space\""));
}

TEST_F(CommandsTest, HealthIsTheExitCode) {
  EXPECT_EQ(Run({"health"}).code, 0);
  EXPECT_EQ(Run({"health"}).out, "SERVING\n");
  EXPECT_EQ(Run({"health", "loading"}).code, 1);
  EXPECT_EQ(Run({"health", "nonesuch"}).code, 1);
}

TEST_F(CommandsTest, ConnectionOptionsMayFollowTheCommand) {
  RadioProcess process({"health", "--server", server_.address()}, work_);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(CommandsTest, WrongUsageIsExitCodeTwo) {
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_EQ(Run({"nonesuch"}).code, 2);
  EXPECT_EQ(Run({"models", "--nonesuch"}).code, 2);
  EXPECT_EQ(Run({"pca", "x.jpg"}).code, 2);
  const Outcome tls = Run({"--tls-ca", "ca.pem", "models"});
  EXPECT_EQ(tls.code, 2);
  EXPECT_THAT(tls.err, HasSubstr("TLS is not enabled"));
}

TEST_F(CommandsTest, HelpIsExitCodeZero) {
  for (const char* command : {"models", "health", "embed", "pca", "heat", "classify", "bench"}) {
    const Outcome help = Run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr(absl::StrCat("radio ", command)));
  }
}

TEST_F(CommandsTest, AnUnreachableServerIsExitCodeOne) {
  RadioProcess process({"--server", "127.0.0.1:1", "--attempts", "1", "models"}, work_);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.err(), StartsWith("radio: UNAVAILABLE"));
}

TEST_F(CommandsTest, TheTokenComesFromAFile) {
  WriteTo(work_ + "/token", "secret\n");
  EXPECT_EQ(Run({"--token-file", work_ + "/token", "models"}).code, 0);
  EXPECT_EQ(server_.service().record().authorizations.back(), "Bearer secret");
}

TEST_F(CommandsTest, PcaWritesAPictureOfTheImagesSizeAndALine) {
  const Outcome outcome = Run({"pca", Image("a.jpg", "one"), "--out", work_ + "/a.png"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const v1::Geometry size = FakeFeatureService::GeometryOf("one");
  EXPECT_THAT(outcome.out, HasSubstr(absl::StrCat("a.jpg: ", size.source_width(), " x ",
                                                  size.source_height(), " px, seen as ")));
  EXPECT_THAT(outcome.out, HasSubstr("summary[8] "));
  const std::string png = ReadFrom(work_ + "/a.png");
  EXPECT_EQ(png.substr(1, 3), "PNG");
  EXPECT_EQ(static_cast<uint8_t>(png[19]), size.source_width());
  EXPECT_EQ(static_cast<uint8_t>(png[23]), size.source_height());
}

TEST_F(CommandsTest, PcaDrawsAnImageAtSeveralSizesSideBySide) {
  const Outcome outcome = Run({"pca", Image("a.jpg", "one"), "--out", work_ + "/a.png", "--resize",
                               "nearest,shortest=64,exact=32x48"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const v1::Geometry size = FakeFeatureService::GeometryOf("one");
  const std::string png = ReadFrom(work_ + "/a.png");
  const int width = 256 * static_cast<uint8_t>(png[18]) + static_cast<uint8_t>(png[19]);
  EXPECT_EQ(width, 3 * size.source_width() + 2 * 8);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  EXPECT_EQ(
      Run({"pca", work_ + "/a.jpg", "--out", work_ + "/a.png", "--resize", "nearest,huge"}).code,
      2);
}

TEST_F(CommandsTest, PcaOfSeveralImagesFillsAFolder) {
  const Outcome outcome = Run({"pca", Image("a.jpg", "one"), Image("b.jpg", "broken"),
                               Image("c.png", "three"), "--out", work_ + "/new/out"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("b.jpg: INVALID_ARGUMENT [IMAGE_UNDECODABLE]"));
  EXPECT_TRUE(std::filesystem::exists(work_ + "/new/out/a.png"));
  EXPECT_FALSE(std::filesystem::exists(work_ + "/new/out/b.png"));
  EXPECT_TRUE(std::filesystem::exists(work_ + "/new/out/c.png"));
}

TEST_F(CommandsTest, PcaRefusesToOverwriteItsOwnPictures) {
  const Outcome outcome =
      Run({"pca", Image("x/a.jpg", "one"), Image("y/a.jpg", "two"), "--out", work_ + "/out"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("would both become"));
}

TEST_F(CommandsTest, HeatDrawsAPictureOfTheImagesSize) {
  const std::string image = Image("a.jpg", "one");
  const Outcome outcome = Run({"heat", image, "--at", "3,4", "--out", work_ + "/heat.png"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string png = ReadFrom(work_ + "/heat.png");
  EXPECT_EQ(static_cast<uint8_t>(png[19]), FakeFeatureService::GeometryOf("one").source_width());
  const Outcome outside = Run({"heat", image, "--at", "900,4", "--out", work_ + "/heat.png"});
  EXPECT_EQ(outside.code, 1);
  EXPECT_THAT(outside.err, HasSubstr("--at 900,4: the image has"));
  EXPECT_EQ(Run({"heat", image, "--at", "3", "--out", work_ + "/heat.png"}).code, 2);
}

// Embeddings [classes, 6]: the summary of "one" itself, its opposite, and another direction.
std::string WriteClasses(const std::string& path) {
  std::vector<float> values;
  for (float sign : {-2.0f, 3.0f}) {
    for (int i = 0; i < 6; ++i) {
      values.push_back(sign * FakeFeatureService::Value("one", "clip", true, i));
    }
  }
  values.insert(values.end(), {1, 0, 0, 0, 0, 0});
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  WriteTo(path, NpyHeader(NpyType::kFloat32, 3, 6) + bytes);
  return path;
}

TEST_F(CommandsTest, ClassifyNamesTheNearestClasses) {
  const std::string classes = WriteClasses(work_ + "/classes.npy");
  const std::string image = Image("a.jpg", "one");
  const Outcome text = Run({"classify", image, "--classes", classes, "--top", "1"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out, image + ": 1 1.0000\n");
  const Outcome json = Run({"classify", image, "--classes", classes, "--json"});
  EXPECT_THAT(json.out, StartsWith(absl::StrCat("{\"path\": \"", image, "\", \"classes\": [",
                                                "{\"name\": \"1\", \"cosine\": 1.000000}")));
  EXPECT_THAT(json.out, HasSubstr("{\"name\": \"0\", \"cosine\": -1.000000}]}"));
}

TEST_F(CommandsTest, ClassifyRefusesEmbeddingsThatDoNotFit) {
  const std::string image = Image("a.jpg", "one");
  const std::string classes = WriteClasses(work_ + "/classes.npy");
  EXPECT_EQ(Run({"classify", image, "--classes", classes, "--adaptor", "backbone"}).code, 1);
  WriteTo(work_ + "/none.npy", "no array");
  const Outcome outcome = Run({"classify", image, "--classes", work_ + "/none.npy"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("not a .npy file"));
}

TEST_F(CommandsTest, ClassifyKnowsTheSpaceOfItsClasses) {
  const Outcome outcome = Run({"classify", Image("a.jpg", "one"), "--adaptor", "backbone",
                               "--classes", "tests/client/testdata/stored.npz"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("is in the space of clip"));
}

TEST_F(CommandsTest, BenchMeasuresBothKindsOfLoad) {
  for (const std::vector<std::string>& kind :
       {std::vector<std::string>{"--concurrency", "2"}, std::vector<std::string>{"--rate", "200"},
        std::vector<std::string>{"--format", "png"}}) {
    std::vector<std::string> command = {"bench",     "--duration", "0.2",
                                        "--warmup",  "0",          "--sizes",
                                        "8x8,16x32", "--json",     work_ + "/bench.json"};
    command.insert(command.end(), kind.begin(), kind.end());
    const Outcome outcome = Run(command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr(" images/s\n"));
    const std::string json = ReadFrom(work_ + "/bench.json");
    EXPECT_THAT(json, HasSubstr("\"failed\": {}"));
    EXPECT_THAT(json, HasSubstr("\"16x32\": {\"mean\": "));
  }
}

TEST_F(CommandsTest, BenchCountsFailuresByReasonAndDoesNotRetry) {
  FakeBehaviour behaviour;
  behaviour.call_status = [](int number, grpc::CallbackServerContext* context) {
    if (number % 2 == 1) return grpc::Status::OK;
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "1");
    return FakeCallError(FakeError(8, "QUEUE_FULL", "full"));
  };
  server_.service().SetBehaviour(behaviour);
  const Outcome outcome = Run({"bench", "--duration", "0.2", "--warmup", "0", "--sizes", "8x8",
                               "--concurrency", "1", "--json", "-"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.out, HasSubstr("\"failed\": {\"QUEUE_FULL\": "));
}

}  // namespace
}  // namespace radio::client
