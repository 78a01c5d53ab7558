#include "config/file_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace radio::config {
namespace {

using ::testing::HasSubstr;

// SHA-256 of "abc", from FIPS 180-2.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class FileCheckTest : public testing::Test {
 protected:
  FileCheckTest() : path_(testing::TempDir() + "/file_check") {
    unlink(path_.c_str());
    std::ofstream(path_) << "abc";
    chmod(path_.c_str(), 0644);
  }

  const std::string path_;
};

TEST_F(FileCheckTest, TheRecordedFilePasses) {
  EXPECT_TRUE(VerifyFile(path_, 3, kAbc).ok()) << VerifyFile(path_, 3, kAbc);
}

TEST_F(FileCheckTest, AFlippedByteIsReportedWithBothDigests) {
  std::ofstream(path_) << "abd";
  const absl::Status status = VerifyFile(path_, 3, kAbc);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(kAbc));
  // SHA-256 of "abd".
  EXPECT_THAT(std::string(status.message()), HasSubstr("a52d159f262b2c6ddb724a61840befc36eb30c88"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(FileCheckTest, ATruncatedFileIsReportedWithBothSizes) {
  EXPECT_EQ(truncate(path_.c_str(), 2), 0);
  const absl::Status status = VerifyFile(path_, 3, kAbc);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("has 2 bytes, the manifest says 3"));
}

TEST_F(FileCheckTest, AMissingFileIsReported) {
  EXPECT_EQ(VerifyFile(path_ + ".none", 3, kAbc).code(), absl::StatusCode::kNotFound);
}

TEST_F(FileCheckTest, ASymbolicLinkIsRefused) {
  const std::string link = path_ + ".link";
  unlink(link.c_str());
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_THAT(std::string(VerifyFile(link, 3, kAbc).message()), HasSubstr("symbolic link"));
}

TEST_F(FileCheckTest, AFolderIsRefused) {
  EXPECT_THAT(std::string(VerifyFile(testing::TempDir(), 3, kAbc).message()),
              HasSubstr("no regular file"));
}

TEST_F(FileCheckTest, AFileThatEverybodyMayWriteIsRefused) {
  chmod(path_.c_str(), 0666);
  EXPECT_THAT(std::string(VerifyFile(path_, 3, kAbc).message()), HasSubstr("everybody"));
}

}  // namespace
}  // namespace radio::config
