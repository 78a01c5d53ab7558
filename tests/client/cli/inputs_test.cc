#include "client/cli/inputs.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "tests/client/cli/radio_process.h"

namespace radio::client {
namespace {

using ::testing::ElementsAre;

class InputsTest : public ::testing::Test {
 protected:
  InputsTest() : folder_(MakeTemporaryFolder()) {
    for (const char* name : {"b/2.jpg", "b/1.PNG", "a.webp", "B.jpeg", "notes.txt", "b/c/3.jpg"}) {
      WriteTo(folder_ + "/" + name, "x");
    }
  }

  // Relative to the folder.
  std::vector<std::string> Expand(const std::vector<std::string>& arguments,
                                  const std::string& input = "") {
    std::istringstream stream(input);
    const auto images = ExpandInputs(arguments, &stream);
    if (!images.ok()) return {std::string(absl::StatusCodeToString(images.status().code()))};
    std::vector<std::string> names;
    for (const std::string& image : *images) {
      names.push_back(std::filesystem::relative(image, folder_).string());
    }
    return names;
  }

  const std::string folder_;
};

TEST_F(InputsTest, FoldersGiveTheirImagesSortedByBytes) {
  EXPECT_THAT(Expand({folder_}),
              ElementsAre("B.jpeg", "a.webp", "b/1.PNG", "b/2.jpg", "b/c/3.jpg"));
}

TEST_F(InputsTest, ArgumentsKeepTheirOrder) {
  EXPECT_THAT(Expand({folder_ + "/b/c", folder_ + "/notes.txt", folder_ + "/a.webp"}),
              ElementsAre("b/c/3.jpg", "notes.txt", "a.webp"));
}

TEST_F(InputsTest, PatternsAreExpandedAndSorted) {
  EXPECT_THAT(Expand({folder_ + "/b/*.*"}), ElementsAre("b/1.PNG", "b/2.jpg"));
  EXPECT_THAT(Expand({folder_ + "/[b]"}), ElementsAre("b/1.PNG", "b/2.jpg", "b/c/3.jpg"));
  EXPECT_THAT(Expand({folder_ + "/z*"}), ElementsAre("NOT_FOUND"));
}

TEST_F(InputsTest, AFileWhoseNameLooksLikeAPatternIsAFile) {
  WriteTo(folder_ + "/b/x[1].jpg", "x");
  EXPECT_THAT(Expand({folder_ + "/b/x[1].jpg"}), ElementsAre("b/x[1].jpg"));
}

TEST_F(InputsTest, ReadsAListFromStandardInput) {
  EXPECT_THAT(Expand({"-"}, folder_ + "/one.jpg\n\n" + folder_ + "/two.jpg"),
              ElementsAre("one.jpg", "two.jpg"));
}

TEST_F(InputsTest, AMissingFileIsLeftToFailAlone) {
  EXPECT_THAT(Expand({folder_ + "/none.jpg"}), ElementsAre("none.jpg"));
}

TEST_F(InputsTest, NothingIsAnError) {
  EXPECT_THAT(Expand({"-"}, ""), ElementsAre("INVALID_ARGUMENT"));
  std::filesystem::create_directory(folder_ + "/empty");
  EXPECT_THAT(Expand({folder_ + "/empty"}), ElementsAre("NOT_FOUND"));
}

}  // namespace
}  // namespace radio::client
