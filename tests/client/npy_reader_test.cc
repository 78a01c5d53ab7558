#include "client/npy_reader.h"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace radio::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// testdata/make_npz.py writes the fixtures.
std::string Fixture(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream("tests/client/testdata/" + name, std::ios::binary).rdbuf();
  return text.str();
}

std::string Npy(const std::string& type, const std::string& order, const std::string& shape,
                const std::string& data) {
  const std::string facts = absl::StrCat("{'descr': '", type, "', 'fortran_order': ", order,
                                         ", 'shape': ", shape, ", }\n");
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(facts.size());
  file += '\0';
  return file + facts + data;
}

std::string Floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string ErrorOf(const std::string& file) {
  return std::string(ParseNpy(file).status().message());
}

TEST(NpyReaderTest, ReadsNumbersOfBothMemoryOrders) {
  const std::string data = Floats({1, 2, 3, 4, 5, 6});
  const auto rows = ParseNpy(Npy("<f4", "False", "(2, 3)", data));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->shape, ElementsAre(2, 3));
  EXPECT_THAT(rows->numbers, ElementsAre(1, 2, 3, 4, 5, 6));
  const auto columns = ParseNpy(Npy("<f4", "True", "(2, 3)", data));
  ASSERT_TRUE(columns.ok()) << columns.status();
  EXPECT_THAT(columns->numbers, ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(NpyReaderTest, ReadsScalarsAndEmptyArrays) {
  EXPECT_THAT(ParseNpy(Npy("<f4", "False", "()", Floats({7})))->numbers, ElementsAre(7));
  EXPECT_THAT(ParseNpy(Npy("<f4", "False", "(1,)", Floats({7})))->shape, ElementsAre(1));
  EXPECT_TRUE(ParseNpy(Npy("<f4", "True", "(0, 5)", ""))->numbers.empty());
}

TEST(NpyReaderTest, RefusesWhatIsNoArray) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(ErrorOf("PNG and so on, long enough"), HasSubstr("not a .npy file"));
  EXPECT_THAT(ErrorOf(Npy("<f4", "False", "(2, 3)", "short")), HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf(Npy("<f4", "False", "(-1, 3)", "")), HasSubstr("no shape"));
  EXPECT_THAT(ErrorOf(Npy("<f4", "False", "(4294967296, 4294967296)", "")), HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf(Npy("<i4", "False", "(1,)", "1234")), HasSubstr("unsupported type <i4"));
  EXPECT_THAT(ErrorOf(Npy("|S0", "False", "(1,)", "1234")), HasSubstr("unsupported type"));
}

TEST(NpyReaderTest, ReadsWhatNumpyWrites) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const auto arrays = ParseNpz(Fixture(name));
    ASSERT_TRUE(arrays.ok()) << name << ": " << arrays.status();
    EXPECT_THAT(arrays->at("embeddings").shape, ElementsAre(2, 3));
    EXPECT_THAT(arrays->at("embeddings").numbers, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(arrays->at("names").texts, ElementsAre("cat", "Z\xc3\xbcrich"));
    EXPECT_THAT(arrays->at("uni").texts,
                ElementsAre("dog", "Z\xc3\xbcrich \xe2\x82\xac\xf0\x9f\x98\x80"));
    EXPECT_THAT(arrays->at("half").numbers, ElementsAre(0.5f, -2.0f));
    EXPECT_THAT(arrays->at("space").texts, ElementsAre("clip"));
    EXPECT_EQ(arrays->count("other"), 0) << "integers are not read";
  }
}

// Every prefix and every flipped byte: an error or an answer, never a crash (run it with asan).
TEST(NpyReaderTest, DamagedArchivesAreRefusedOrRead) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = Fixture(name);
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_FALSE(ParseNpz(whole.substr(0, i)).ok()) << i;
      std::string flipped = whole;
      flipped[i] = static_cast<char>(~flipped[i]);
      (void)ParseNpz(flipped);
    }
  }
}

TEST(NpyReaderTest, ADamagedContentFailsItsChecksum) {
  std::string file = Fixture("stored.npz");
  const size_t data = file.find(Floats({4}));
  ASSERT_NE(data, std::string::npos);
  file[data] = 1;
  EXPECT_THAT(std::string(ParseNpz(file).status().message()), HasSubstr("checksum"));
}

}  // namespace
}  // namespace radio::client
