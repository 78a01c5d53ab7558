#include "client/cli/class_embeddings.h"

#include <gmock/gmock.h>

#include <cmath>

#include "client/npy.h"
#include "tests/client/cli/radio_process.h"

namespace radio::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string WriteArray(int64_t rows, int64_t columns, const std::vector<float>& values) {
  const std::string bytes(reinterpret_cast<const char*>(values.data()),
                          values.size() * sizeof(float));
  const std::string path = MakeTemporaryFolder() + "/classes.npy";
  WriteTo(path, NpyHeader(NpyType::kFloat32, rows, columns) + bytes);
  return path;
}

// Written by tests/client/testdata/make_npz.py: [[1, 2, 3], [4, 5, 6]], "cat" and "Zürich".
TEST(ClassEmbeddingsTest, ReadsWhatTheExporterWrites) {
  for (const char* name : {"stored", "deflated"}) {
    const auto classes = ReadClassEmbeddings(std::string("tests/client/testdata/") + name + ".npz");
    ASSERT_TRUE(classes.ok()) << classes.status();
    EXPECT_THAT(classes->names, ElementsAre("cat", "Z\xc3\xbcrich"));
    EXPECT_EQ(classes->channels, 3);
    EXPECT_EQ(classes->space, "clip");
    EXPECT_FLOAT_EQ(classes->vectors[1], 2 / std::sqrt(14.0f));
  }
}

TEST(ClassEmbeddingsTest, FindsTheNearestByCosine) {
  const auto classes = ReadClassEmbeddings(WriteArray(3, 2, {0, 5, 1, 0, 0.6f, 0.8f}));
  ASSERT_TRUE(classes.ok()) << classes.status();
  const std::vector<float> summary = {20, 0};
  EXPECT_THAT(classes->Nearest(summary, 2), ElementsAre(Pair("1", 1.0f), Pair("2", 0.6f)));
  EXPECT_EQ(classes->Nearest(summary, 99).size(), 3);
}

TEST(ClassEmbeddingsTest, RefusesVectorsWithoutADirection) {
  const auto error = [](const std::string& path) {
    return std::string(ReadClassEmbeddings(path).status().message());
  };
  EXPECT_THAT(error(WriteArray(2, 2, {1, 2, 0, 0})), HasSubstr("embeddings[1]"));
  EXPECT_THAT(error(WriteArray(1, 2, {1, NAN})), HasSubstr("must be finite"));
  EXPECT_THAT(error(WriteArray(1, 2, {1, INFINITY})), HasSubstr("must be finite"));
  EXPECT_THAT(error(WriteArray(0, 2, {})), HasSubstr("[classes, C]"));
  EXPECT_THAT(error("/none.npz"), HasSubstr("cannot read"));
}

}  // namespace
}  // namespace radio::client
