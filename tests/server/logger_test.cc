#include "server/logger.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "model/base/mutex.h"

namespace radio::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kTime = absl::FromUnixMicros(1700000000123456);

// The JSON object as protobuf reads and writes it. (Struct's map has another layout in a program
// built for ThreadSanitizer than in protobuf's library, so it is not looked into here.)
std::string ParseJson(const std::string& line) {
  google::protobuf::Struct json;
  const auto status = google::protobuf::util::JsonStringToMessage(line, &json);
  EXPECT_TRUE(status.ok()) << status << "\n" << line;
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(json, &text).ok());
  return text;
}

TEST(LoggerTest, AJsonLineCarriesItsFields) {
  const std::string line =
      FormatLogLine(LogFormat::kJson, kTime, LogLevel::kWarning, "call failed",
                    {{"text", "a \"quoted\" \\ word\n"}, {"n", 7}, {"x", 1.5}, {"yes", true}});
  EXPECT_EQ(line,
            R"({"time":"2023-11-14T22:13:20.123456Z","level":"warning","event":"call failed",)"
            R"("text":"a \"quoted\" \\ word\u000a","n":7,"x":1.5,"yes":true})");
}

TEST(LoggerTest, ATextLineIsOneLine) {
  const std::string line = FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "started",
                                         {{"path", "a\nb"}, {"n", 7}});
  EXPECT_EQ(line, "2023-11-14T22:13:20.123456Z info started path=\"a\\u000ab\" n=7");
}

TEST(LoggerTest, AnyBytesGiveValidJson) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string line =
        FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, bytes, {{"value", bytes}});
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    EXPECT_THAT(ParseJson(line), HasSubstr("\"value\":"));
  }
}

TEST(LoggerTest, NumbersThatJsonLacksBecomeNull) {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(FormatLogLine(LogFormat::kJson, kTime, LogLevel::kInfo, "e", {{"value", value}}),
                HasSubstr("\"value\":null"));
  }
}

class Lines {
 public:
  void Add(const std::string& line) {
    MutexLock lock(&mutex_);
    lines_.push_back(line);
  }
  std::vector<std::string> Take() {
    MutexLock lock(&mutex_);
    return std::move(lines_);
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

TEST(LoggerTest, LinesBelowTheLevelAreDroppedButCounted) {
  Lines lines;
  {
    Logger::Options options;
    options.sink = [&](const std::string& line) { lines.Add(line); };
    options.level = LogLevel::kWarning;
    options.format = LogFormat::kText;
    Logger logger(options);
    logger.Log(LogLevel::kInfo, "quiet", {});
    logger.Log(LogLevel::kWarning, "loud", {});
    EXPECT_EQ(logger.count(LogLevel::kInfo), 1);
    EXPECT_EQ(logger.count(LogLevel::kWarning), 1);
    EXPECT_EQ(logger.count(LogLevel::kError), 0);
  }
  EXPECT_THAT(lines.Take(), ElementsAre(HasSubstr("warning loud")));
}

TEST(LoggerTest, LimitedLinesBeyondTheLimitAreCountedOnly) {
  Lines lines;
  {
    Logger::Options options;
    options.sink = [&](const std::string& line) { lines.Add(line); };
    options.max_limited_per_second = 2;
    Logger logger(options);
    for (int i = 0; i < 50; ++i) logger.LogLimited(LogLevel::kInfo, "refused", {{"i", i}});
    EXPECT_EQ(logger.count(LogLevel::kInfo), 50);
  }
  // More than two only if the loop took a second or more.
  EXPECT_LT(lines.Take().size(), 50u);
}

TEST(LoggerTest, LinesOfManyThreadsArriveWhole) {
  Lines lines;
  {
    Logger::Options options;
    options.sink = [&](const std::string& line) { lines.Add(line); };
    Logger logger(options);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&logger, t] {
        for (int i = 0; i < 200; ++i) logger.Log(LogLevel::kInfo, "line", {{"thread", t}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const std::vector<std::string> all = lines.Take();
  EXPECT_EQ(all.size(), 800u);
  for (const std::string& line : all) ParseJson(line);
}

}  // namespace
}  // namespace radio::server
