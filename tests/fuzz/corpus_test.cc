// Runs a fuzz target once over each file of the folders in the environment variable CORPUS.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<uint8_t> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(CorpusTest, NoFileOfTheCorpusIsAFinding) {
  const char* folders = std::getenv("CORPUS");
  ASSERT_NE(folders, nullptr);
  const std::vector<std::string> names = absl::StrSplit(folders, ':');
  for (const std::string& folder : names) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::vector<uint8_t> bytes = ReadFile(entry.path());
      // A finding ends the process; the last line names its file.
      std::cerr << entry.path() << std::endl;
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      ++files;
    }
    EXPECT_GT(files, 0) << folder << " is empty";
  }
}

TEST(CorpusTest, AnEmptyInputIsNoFinding) { LLVMFuzzerTestOneInput(nullptr, 0); }

}  // namespace
