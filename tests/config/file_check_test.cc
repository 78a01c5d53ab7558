#include "config/file_check.h"

#include <fcntl.h>
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

  // What becomes of the file as somebody recorded it.
  static absl::Status Verify(const std::string& path) {
    const absl::StatusOr<TrustedFile> file = TrustedFile::Open(path);
    return file.ok() ? file->Verify(3, kAbc) : file.status();
  }

  const std::string path_;
};

TEST_F(FileCheckTest, TheRecordedFilePasses) { EXPECT_TRUE(Verify(path_).ok()) << Verify(path_); }

TEST_F(FileCheckTest, AFlippedByteIsReportedWithBothDigests) {
  std::ofstream(path_) << "abd";
  const absl::Status status = Verify(path_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(kAbc));
  // SHA-256 of "abd".
  EXPECT_THAT(std::string(status.message()), HasSubstr("a52d159f262b2c6ddb724a61840befc36eb30c88"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(FileCheckTest, ATruncatedFileIsReportedWithBothSizes) {
  EXPECT_EQ(truncate(path_.c_str(), 2), 0);
  const absl::Status status = Verify(path_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("has 2 bytes, the manifest says 3"));
}

TEST_F(FileCheckTest, AMissingFileIsReported) {
  EXPECT_EQ(Verify(path_ + ".none").code(), absl::StatusCode::kNotFound);
}

TEST_F(FileCheckTest, ASymbolicLinkIsRefused) {
  const std::string link = path_ + ".link";
  unlink(link.c_str());
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_THAT(std::string(Verify(link).message()), HasSubstr("symbolic link"));
}

TEST_F(FileCheckTest, AFolderIsRefused) {
  EXPECT_THAT(std::string(Verify(testing::TempDir()).message()), HasSubstr("no regular file"));
}

TEST_F(FileCheckTest, AFileThatEverybodyMayWriteIsRefused) {
  chmod(path_.c_str(), 0666);
  EXPECT_THAT(std::string(Verify(path_).message()), HasSubstr("everybody"));
}

TEST_F(FileCheckTest, AFileInAFolderThatEverybodyMayWriteIsRefused) {
  const std::string folder = path_ + ".folder";
  mkdir(folder.c_str(), 0755);
  std::ofstream(folder + "/file") << "abc";
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  EXPECT_THAT(std::string(Verify(folder + "/file").message()), HasSubstr("everybody"));
  // As in /tmp: others cannot replace it.
  ASSERT_EQ(chmod(folder.c_str(), 01777), 0);
  EXPECT_TRUE(Verify(folder + "/file").ok());
}

TEST_F(FileCheckTest, APipeIsRefusedWithoutWaitingForAWriter) {
  const std::string pipe = path_ + ".pipe";
  unlink(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0644), 0);
  EXPECT_THAT(std::string(Verify(pipe).message()), HasSubstr("no regular file"));
}

std::string Contents(const std::string& path) {
  std::string text;
  std::ifstream(path) >> text;
  return text;
}

TEST_F(FileCheckTest, AnotherFileInItsPlaceIsNeitherReadNorUnnoticed) {
  const absl::StatusOr<TrustedFile> file = TrustedFile::Open(path_);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->Unchanged().ok());
  std::ofstream(path_ + ".other") << "xyz";
  ASSERT_EQ(rename((path_ + ".other").c_str(), path_.c_str()), 0);
  EXPECT_EQ(Contents(path_), "xyz");
  EXPECT_EQ(Contents(file->path()), "abc");
  EXPECT_THAT(std::string(file->Unchanged().message()), HasSubstr("replaced"));
}

TEST_F(FileCheckTest, WritingIntoTheOpenFileIsNoticed) {
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), long_ago, 0), 0);
  const absl::StatusOr<TrustedFile> file = TrustedFile::Open(path_);
  ASSERT_TRUE(file.ok());
  std::ofstream(path_) << "xyz";
  EXPECT_THAT(std::string(file->Unchanged().message()), HasSubstr("changed"));
}

}  // namespace
}  // namespace radio::config
