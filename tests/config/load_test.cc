#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "config/validate.h"

namespace radio::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

absl::Status Parse(absl::string_view text) {
  ServerConfig config;
  return ParseText(text, "server.textproto", &config);
}

TEST(LoadTest, UnknownFieldsAreRefusedWithTheirLine) {
  const absl::Status status = Parse("insecure: true\nmax_batch_size: 3\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("server.textproto:2:"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_batch_size"));
}

TEST(LoadTest, ValuesOfTheWrongTypeAreRefused) {
  EXPECT_FALSE(Parse("max_batch_images: \"many\"").ok());
  EXPECT_FALSE(Parse("insecure: 7").ok());
  EXPECT_FALSE(Parse("max_batch_images: 99999999999").ok());
  EXPECT_FALSE(Parse("log { level: LOUD }").ok());
}

TEST(LoadTest, TheSameFieldTwiceIsRefused) {
  EXPECT_FALSE(Parse("insecure: true insecure: false").ok());
}

TEST(LoadTest, AMissingFileIsNamed) {
  const absl::Status status = LoadServerConfig("/nonexistent/server.textproto").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/server.textproto"));
}

TEST(LoadTest, AnOversizeFileIsRefused) {
  const std::string path = testing::TempDir() + "/oversize.textproto";
  std::ofstream(path) << std::string(100, '#');
  EXPECT_EQ(ReadFile(path, 99).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(path, 100)->size(), 100u);
}

TEST(LoadTest, FilledDefaultsAreThoseOfTheProto) {
  ServerConfig config;
  config.add_models()->set_name("m");
  config.set_max_batch_images(7);
  FillDefaults(&config);
  EXPECT_EQ(config.max_batch_images(), 7);
  EXPECT_TRUE(config.has_max_images_per_request());
  EXPECT_EQ(config.max_images_per_request(), ServerConfig().max_images_per_request());
  EXPECT_TRUE(config.models(0).has_device());
  EXPECT_TRUE(config.transport().has_keepalive_time_ms());
  EXPECT_TRUE(config.log().has_format());
  EXPECT_FALSE(config.has_tls());
}

TEST(LoadTest, TheShippedConfigurationsKeepTheRules) {
  for (const char* path : {"config/dev_cpu.textproto", "config/prod_gpu.textproto"}) {
    const absl::StatusOr<ServerConfig> config = LoadServerConfig(path);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_THAT(Violations(*config), IsEmpty()) << path;
  }
}

}  // namespace
}  // namespace radio::config
