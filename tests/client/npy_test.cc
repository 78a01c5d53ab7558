#include "client/npy.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace radio::client {
namespace {

namespace fs = std::filesystem;

class NpyTest : public ::testing::Test {
 protected:
  NpyTest() {
    std::string pattern = (fs::temp_directory_path() / "radio-npy-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/a.npy";
  }
  ~NpyTest() override { fs::remove_all(folder_); }

  std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    return text.str();
  }

  std::string folder_;
  std::string path_;
};

std::string BytesOf(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// What numpy.save(f, numpy.zeros((3, 2), '<f4')) begins with.
TEST_F(NpyTest, HeaderIsNumpysOwn) {
  const std::string facts = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  expected += facts + std::string(128 - 10 - 1 - facts.size(), ' ') + "\n";
  EXPECT_EQ(NpyHeader(NpyType::kFloat32, 3, 2), expected);
  EXPECT_THAT(NpyHeader(NpyType::kFloat16, 3, 2), ::testing::HasSubstr("'<f2'"));
}

TEST_F(NpyTest, WritesRowsBehindAHeaderThatCountsThem) {
  auto writer = NpyWriter::Create(path_, NpyType::kFloat32, 2);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Append(BytesOf({1, 2})).ok());
  ASSERT_TRUE((*writer)->Append(BytesOf({3, 4, 5, 6})).ok());
  EXPECT_FALSE(fs::exists(path_)) << "visible before it is complete";
  ASSERT_TRUE((*writer)->Commit().ok());
  EXPECT_EQ(Content(), NpyHeader(NpyType::kFloat32, 3, 2) + BytesOf({1, 2, 3, 4, 5, 6}));
}

TEST_F(NpyTest, AnEmptyArrayIsValid) {
  auto writer = NpyWriter::Create(path_, NpyType::kFloat16, 7);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Commit().ok());
  EXPECT_EQ(Content(), NpyHeader(NpyType::kFloat16, 0, 7));
}

TEST_F(NpyTest, RefusesPartsOfRows) {
  auto writer = NpyWriter::Create(path_, NpyType::kFloat32, 2);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->Append(BytesOf({1, 2, 3})).code(), absl::StatusCode::kInternal);
}

TEST_F(NpyTest, LeavesNothingBehindWithoutCommit) {
  {
    auto writer = NpyWriter::Create(path_, NpyType::kFloat32, 2);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Append(BytesOf({1, 2})).ok());
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(NpyTest, SaysWhichFileCannotBeWritten) {
  const auto writer = NpyWriter::Create(folder_ + "/none/a.npy", NpyType::kFloat32, 2);
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(writer.status().message()), ::testing::HasSubstr("none/a.npy"));
}

}  // namespace
}  // namespace radio::client
