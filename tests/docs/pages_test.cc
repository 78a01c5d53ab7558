// The generated pages of docs/ are what the code says now.
#include "tools/docs/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace radio::docs {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

std::string Page(const std::string& name) { return Read("docs/" + name + ".md"); }

constexpr char kRemedy[] = "run tools/docs/generate.sh";

TEST(PagesTest, TheConfigurationPageIsUpToDate) {
  const absl::StatusOr<std::string> page =
      ConfigurationPage(Read("config/server_config.descriptors"));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(*page, Page("configuration")) << kRemedy;
  EXPECT_THAT(*page, HasSubstr("| `max_batch_images` | int32 | 256 | 1 .. 4096 |"));
}

TEST(PagesTest, TheErrorsPageIsUpToDate) { EXPECT_EQ(ErrorsPage(), Page("errors")) << kRemedy; }

TEST(PagesTest, TheMetricsPageIsUpToDate) { EXPECT_EQ(MetricsPage(), Page("metrics")) << kRemedy; }

TEST(PagesTest, BytesThatDescribeNoConfigurationAreRefused) {
  EXPECT_FALSE(ConfigurationPage("\xFF\xFF").ok());
  EXPECT_FALSE(ConfigurationPage("").ok());
}

}  // namespace
}  // namespace radio::docs
