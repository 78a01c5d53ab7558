// `radio embed` as a program, against a fake server.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/npy.h"
#include "tests/client/cli/radio_process.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kImages = 60;
constexpr size_t kHeaderSize = 128;

bool IsBroken(int i) { return i % 17 == 5; }

// The bytes of image i: not an image, the fake does not look.
std::string BytesOf(int i) { return absl::StrCat(IsBroken(i) ? "broken" : "photo", i); }

class EmbedTest : public ::testing::Test {
 protected:
  EmbedTest() : work_(MakeTemporaryFolder()) {
    for (int i = 0; i < kImages; ++i) WriteTo(PathOf(i), BytesOf(i));
  }

  // Sorted by path: i = 0, 1, 2, ...
  std::string PathOf(int i) const {
    return absl::StrFormat("%s/photos/d%02d/%03d.jpg", work_, i / 10, i);
  }

  std::string Out(const std::string& name) const { return absl::StrCat(work_, "/", name); }

  std::vector<std::string> Command(const std::string& out,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {
        "--server", server_.address(), "embed",          work_ + "/photos",
        "--out",    Out(out),          "--shard-images", "8"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  int Run(const std::vector<std::string>& command, std::string* err = nullptr,
          const std::string& input = "") {
    RadioProcess process(command, work_ + "/logs", input);
    const int code = process.Wait();
    if (err != nullptr) *err = process.err();
    return code;
  }

  // Kills a run once the server has seen `images` more images.
  void RunAndKill(const std::vector<std::string>& command, int images, int signal) {
    const int begin = server_.service().record().images;
    RadioProcess process(command, work_ + "/logs");
    while (process.running() && server_.service().record().images < begin + images) {
      std::this_thread::yield();
    }
    process.Signal(signal);
    process.Wait();
  }

  const std::string work_;
  FakeServer server_;
};

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

float FloatAt(const std::string& npy, int64_t i) {
  float value;
  std::memcpy(&value, npy.data() + kHeaderSize + i * sizeof(value), sizeof(value));
  return value;
}

TEST_F(EmbedTest, WritesShardsAndOneRowPerImageInInputOrder) {
  EXPECT_EQ(Run(Command("out")), 3);
  const auto files = Contents(Out("out"));
  EXPECT_THAT(files, SizeIs(8 + 3));
  const auto manifest = Lines(files.at("manifest.jsonl"));
  ASSERT_THAT(manifest, SizeIs(kImages));
  int row = 0;
  for (int i = 0; i < kImages; ++i) {
    if (i % 8 == 0) row = 0;
    EXPECT_THAT(manifest[i], HasSubstr(PathOf(i)));
    EXPECT_THAT(manifest[i], HasSubstr("\"embedding_space\": \"fake-space\""));
    if (IsBroken(i)) {
      EXPECT_THAT(manifest[i], HasSubstr("\"status\": \"INVALID_ARGUMENT\", \"error\": "
                                         "\"INVALID_ARGUMENT [IMAGE_UNDECODABLE]: not an image\""));
      continue;
    }
    const v1::Geometry size = FakeFeatureService::GeometryOf(BytesOf(i));
    EXPECT_THAT(manifest[i],
                HasSubstr(absl::StrFormat(
                    "\"width\": %d, \"height\": %d, \"shard\": %d, \"row\": %d, \"status\": \"OK\"",
                    size.source_width(), size.source_height(), i / 8, row)));
    const std::string& npy = files.at(absl::StrFormat("backbone-summary-%05d.npy", i / 8));
    EXPECT_EQ(FloatAt(npy, row * 8 + 7),
              FakeFeatureService::Value(BytesOf(i), "backbone", true, 7));
    ++row;
  }
  EXPECT_EQ(Lines(files.at("failed.jsonl")).size(), 4);
}

TEST_F(EmbedTest, WritesFeaturesOfEveryOutputWithTheirTokens) {
  ASSERT_EQ(Run(Command("out", {"--features", "--outputs", "backbone,clip"})), 3);
  const auto files = Contents(Out("out"));
  const auto manifest = Lines(files.at("manifest.jsonl"));
  int64_t tokens = 0;
  for (int i = 0; i < 8; ++i) {
    if (IsBroken(i)) continue;
    const v1::Geometry size = FakeFeatureService::GeometryOf(BytesOf(i));
    EXPECT_THAT(manifest[i], HasSubstr(absl::StrFormat(
                                 "\"grid_height\": %d, \"grid_width\": %d, \"first_token\": %d,",
                                 size.grid_height(), size.grid_width(), tokens)));
    EXPECT_EQ(FloatAt(files.at("backbone-features-00000.npy"), tokens * 4 + 1),
              FakeFeatureService::Value(BytesOf(i), "backbone", false, 1));
    EXPECT_EQ(FloatAt(files.at("clip-features-00000.npy"), tokens * 4 * 5 + 1),
              FakeFeatureService::Value(BytesOf(i), "clip", false, 1));
    tokens += static_cast<int64_t>(size.grid_height()) * size.grid_width();
  }
  EXPECT_EQ(files.at("backbone-features-00000.npy").substr(0, kHeaderSize),
            NpyHeader(NpyType::kFloat32, tokens, 4));
  EXPECT_EQ(files.at("clip-features-00000.npy").substr(0, kHeaderSize),
            NpyHeader(NpyType::kFloat32, tokens * 4, 5));
}

TEST_F(EmbedTest, HalfPrecisionTakesHalfTheBytes) {
  ASSERT_EQ(Run(Command("out", {"--dtype", "float16"})), 3);
  const auto files = Contents(Out("out"));
  EXPECT_EQ(files.at("backbone-summary-00000.npy").size(), kHeaderSize + 7 * 8 * 2);
}

TEST_F(EmbedTest, KilledAnywhereAndResumedEqualsOneRun) {
  ASSERT_EQ(Run(Command("clean", {"--features"})), 3);
  const auto resumed = Command("cut", {"--features", "--resume", "--in-flight", "4"});
  for (int images : {1, 9, 3, 20, 14}) RunAndKill(resumed, images, SIGKILL);
  EXPECT_EQ(Run(resumed), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("cut")));
}

TEST_F(EmbedTest, WhatAKillLeavesBehindIsSweptAway) {
  ASSERT_EQ(Run(Command("clean")), 3);
  ASSERT_EQ(Run(Command("cut")), 3);
  // As if killed while the second shard's lines were being appended.
  const auto manifest = Lines(ReadFrom(Out("cut/manifest.jsonl")));
  std::string text;
  for (int i = 0; i < 13; ++i) text += manifest[i] + "\n";
  WriteTo(Out("cut/manifest.jsonl"), text + manifest[13].substr(0, 40));
  WriteTo(Out("cut/backbone-summary-00001.npy.tmp"), "half a file");
  EXPECT_EQ(Run(Command("cut", {"--resume"})), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("cut")));
}

TEST_F(EmbedTest, ResultDoesNotDependOnCompletionOrder) {
  ASSERT_EQ(Run(Command("one")), 3);
  FakeBehaviour behaviour;
  behaviour.newest_first = true;
  server_.service().SetBehaviour(behaviour);
  ASSERT_EQ(Run(Command("two")), 3);
  EXPECT_EQ(Contents(Out("one")), Contents(Out("two")));
}

TEST_F(EmbedTest, ABrokenConnectionChangesNothing) {
  ASSERT_EQ(Run(Command("one")), 3);
  FakeBehaviour behaviour;
  behaviour.end_stream = [](int stream, int answered) -> std::optional<grpc::Status> {
    if (answered < 20 || stream > 3) return std::nullopt;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  };
  server_.service().SetBehaviour(behaviour);
  ASSERT_EQ(Run(Command("two")), 3);
  EXPECT_EQ(Contents(Out("one")), Contents(Out("two")));
}

TEST_F(EmbedTest, AFinishedRunIsNotRunAgain) {
  ASSERT_EQ(Run(Command("out")), 3);
  const int images = server_.service().record().images;
  EXPECT_EQ(Run(Command("out", {"--resume"})), 3);
  EXPECT_EQ(server_.service().record().images, images);
}

TEST_F(EmbedTest, AFailureOfTheServerEndsTheRunAndIsNoRow) {
  ASSERT_EQ(Run(Command("clean")), 3);
  FakeBehaviour behaviour;
  behaviour.image_status = [](const std::string& bytes) {
    if (bytes == BytesOf(30)) return FakeError(13, "DEVICE_ERROR", "the accelerator failed");
    if (absl::StartsWith(bytes, "broken")) return FakeError(3, "IMAGE_UNDECODABLE", "not an image");
    return google::rpc::Status();
  };
  server_.service().SetBehaviour(behaviour);
  std::string err;
  EXPECT_EQ(Run(Command("cut"), &err), 1);
  EXPECT_THAT(err, HasSubstr("DEVICE_ERROR"));
  EXPECT_THAT(err, HasSubstr("--resume"));
  EXPECT_THAT(ReadFrom(Out("cut/manifest.jsonl")), Not(HasSubstr("DEVICE_ERROR")));
  server_.service().SetBehaviour(FakeBehaviour());
  EXPECT_EQ(Run(Command("cut", {"--resume"})), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("cut")));
}

TEST_F(EmbedTest, ABusyServerIsAskedAgainHoweverOftenItRefuses) {
  ASSERT_EQ(Run(Command("clean")), 3);
  FakeBehaviour behaviour;
  // Four sendings of one image, where two attempts are allowed.
  behaviour.image_status = [refused = 0](const std::string& bytes) mutable {
    if (++refused <= 3) return FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1));
    if (absl::StartsWith(bytes, "broken")) return FakeError(3, "IMAGE_UNDECODABLE", "not an image");
    return google::rpc::Status();
  };
  server_.service().SetBehaviour(behaviour);
  EXPECT_EQ(Run(Command("busy", {"--attempts", "2", "--in-flight", "1"})), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("busy")));
}

TEST_F(EmbedTest, AServerThatStaysBusyEndsTheRunAndIsNoRow) {
  ASSERT_EQ(Run(Command("clean")), 3);
  FakeBehaviour behaviour;
  behaviour.image_status = [](const std::string&) {
    return FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1));
  };
  server_.service().SetBehaviour(behaviour);
  std::string err;
  EXPECT_EQ(Run(Command("cut", {"--patience", "0.3"}), &err), 1);
  EXPECT_THAT(err, AllOf(HasSubstr("QUEUE_FULL"), HasSubstr("--resume")));
  server_.service().SetBehaviour(FakeBehaviour());
  EXPECT_EQ(Run(Command("cut", {"--resume"})), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("cut")));
}

TEST_F(EmbedTest, InterruptedItStopsInOrder) {
  ASSERT_EQ(Run(Command("clean")), 3);
  server_.service().Hold(true);
  const int received = server_.service().record().received;
  {
    RadioProcess process(Command("cut"), work_ + "/logs");
    while (process.running() && server_.service().record().received == received) {
      std::this_thread::yield();
    }
    process.Signal(SIGINT);
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_THAT(process.err(), HasSubstr("interrupted"));
  }
  for (const auto& [name, bytes] : Contents(Out("cut"))) EXPECT_THAT(name, Not(HasSubstr(".tmp")));
  server_.service().Hold(false);
  EXPECT_EQ(Run(Command("cut", {"--resume"})), 3);
  EXPECT_EQ(Contents(Out("clean")), Contents(Out("cut")));
}

TEST_F(EmbedTest, InterruptedWhileItLooksForTheServerItEndsAtOnce) {
  FakeBehaviour behaviour;
  behaviour.call_status = [](int, grpc::CallbackServerContext*) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no server yet");
  };
  server_.service().SetBehaviour(behaviour);
  RadioProcess process(Command("out"), work_ + "/logs");
  while (process.running() && server_.service().record().calls == 0) std::this_thread::yield();
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.err(), HasSubstr("radio: interrupted"));
  EXPECT_FALSE(std::filesystem::exists(Out("out")));
}

TEST_F(EmbedTest, PartsTogetherAreTheWhole) {
  ASSERT_EQ(Run(Command("whole")), 3);
  std::string manifest;
  for (int part = 0; part < 3; ++part) {
    const int code = Run(Command("parts", {"--shard", absl::StrCat(part, "/3")}));
    EXPECT_TRUE(code == 0 || code == 3) << code;
    const std::string lines =
        ReadFrom(Out(absl::StrFormat("parts/part-%05d-of-00003/manifest.jsonl", part)));
    EXPECT_THAT(Lines(lines), SizeIs(kImages / 3));
    manifest += lines;
  }
  const auto whole = Lines(ReadFrom(Out("whole/manifest.jsonl")));
  const auto parts = Lines(manifest);
  ASSERT_EQ(whole.size(), parts.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(whole[i].substr(0, whole[i].find("width")),
              parts[i].substr(0, parts[i].find("width")));
  }
}

TEST_F(EmbedTest, TakesFilesPatternsAndAListOnStandardInput) {
  const std::vector<std::string> command = {
      "--server", server_.address(), "embed",   PathOf(59), work_ + "/photos/d01/*[24].jpg",
      "-",        "--out",           Out("out")};
  EXPECT_EQ(Run(command, nullptr, PathOf(3) + "\n" + work_ + "/none.jpg\n"), 3);
  const auto manifest = Lines(ReadFrom(Out("out/manifest.jsonl")));
  ASSERT_THAT(manifest, SizeIs(5));
  EXPECT_THAT(manifest[0], HasSubstr(PathOf(59)));
  EXPECT_THAT(manifest[1], HasSubstr(PathOf(12)));
  EXPECT_THAT(manifest[2], HasSubstr(PathOf(14)));
  EXPECT_THAT(manifest[3], HasSubstr(PathOf(3)));
  EXPECT_THAT(manifest[4], HasSubstr("\"sha256\": null"));
  EXPECT_THAT(manifest[4], HasSubstr("\"status\": \"NOT_FOUND\""));
}

TEST_F(EmbedTest, AFileTooLargeForAnyMessageIsARowAndNotRead) {
  WriteTo(work_ + "/huge.jpg", "");
  std::filesystem::resize_file(work_ + "/huge.jpg", uintmax_t{1} << 40);
  EXPECT_EQ(Run({"--server", server_.address(), "embed", PathOf(0), work_ + "/huge.jpg", "--out",
                 Out("out")}),
            3);
  EXPECT_THAT(ReadFrom(Out("out/failed.jsonl")), HasSubstr("has more than 62914560 bytes"));
  std::string err;
  EXPECT_EQ(
      Run({"--server", server_.address(), "pca", work_ + "/huge.jpg", "--out", "x.png"}, &err), 1);
  EXPECT_THAT(err, HasSubstr("has more than 62914560 bytes"));
}

TEST_F(EmbedTest, AllGoodIsExitCodeZero) {
  EXPECT_EQ(Run({"--server", server_.address(), "embed", PathOf(0), "--out", Out("out")}), 0);
}

TEST_F(EmbedTest, RefusesToMixRuns) {
  ASSERT_EQ(Run(Command("out")), 3);
  std::string err;
  EXPECT_EQ(Run(Command("out"), &err), 2);
  EXPECT_THAT(err, HasSubstr("--resume"));
  EXPECT_EQ(Run(Command("out", {"--resume", "--dtype", "float16"}), &err), 2);
  EXPECT_THAT(err, HasSubstr("another run"));
  WriteTo(work_ + "/photos/new.jpg", "new");
  EXPECT_EQ(Run(Command("out", {"--resume"}), &err), 2);
}

TEST_F(EmbedTest, WrongUsageIsExitCodeTwo) {
  std::string err;
  EXPECT_EQ(Run(Command("out", {"--outputs", "sam"}), &err), 2);
  EXPECT_THAT(err, HasSubstr("it has backbone, clip"));
  EXPECT_EQ(Run(Command("out", {"--shard", "3/3"}), &err), 2);
  EXPECT_EQ(Run(Command("out", {"--resize", "huge"}), &err), 2);
  EXPECT_EQ(Run(Command("out", {"--dtype", "int8"}), &err), 2);
  EXPECT_EQ(Run({"embed", "x.jpg"}, &err), 2);
  EXPECT_FALSE(std::filesystem::exists(Out("out")));
}

TEST_F(EmbedTest, AnUnknownModelIsExitCodeOne) {
  std::string err;
  EXPECT_EQ(Run(Command("out", {"--model", "nonesuch"}), &err), 1);
  EXPECT_THAT(err, HasSubstr("MODEL_NOT_FOUND"));
}

TEST_F(EmbedTest, StandardErrorWithoutATerminalGetsPlainText) {
  std::string err;
  ASSERT_EQ(Run(Command("out"), &err), 3);
  EXPECT_THAT(err, Not(HasSubstr("\r")));
  EXPECT_THAT(err, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace radio::client
