#include "model/self_test.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/testing/fake_engine.h"

namespace radio {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A fake engine fills an image's outputs with its first pixel / 255; the recorded values are those.
class RunSelfTestTest : public testing::Test {
 protected:
  RunSelfTestTest() {
    AddImage({32, 48}, 51);
    AddImage({16, 16}, 102);
    AddImage({64, 32}, 153);
  }

  void AddImage(Size size, uint8_t value) {
    test_.images.push_back({size, TestImage(size, value).pixels});
    test_.outputs.resize(spec_.outputs.size());
    const Size grid = spec_.GridOf(size);
    const size_t tokens = static_cast<size_t>(grid.height) * static_cast<size_t>(grid.width);
    for (size_t o = 0; o < spec_.outputs.size(); ++o) {
      std::vector<float>& summary = test_.outputs[o].summary;
      std::vector<float>& features = test_.outputs[o].features;
      summary.insert(summary.end(), static_cast<size_t>(spec_.outputs[o].summary_dim),
                     value / 255.0f);
      features.insert(features.end(), tokens * static_cast<size_t>(spec_.outputs[o].feature_dim),
                      value / 255.0f);
    }
  }

  absl::Status Run() {
    FakeEngine engine(spec_);
    return RunSelfTest(&engine, spec_, test_);
  }

  ModelSpec spec_ = TestSpec();
  SelfTest test_;
};

TEST_F(RunSelfTestTest, PassesOnWhatWasRecorded) { EXPECT_TRUE(Run().ok()) << Run(); }

TEST_F(RunSelfTestTest, RunsTheBatchAndEveryImageAlone) {
  FakeEngine engine(spec_);
  ASSERT_TRUE(RunSelfTest(&engine, spec_, test_).ok());
  EXPECT_THAT(engine.batch_sizes(), testing::ElementsAre(3, 1, 1, 1));
}

TEST_F(RunSelfTestTest, NoticesOneChangedValueAndNamesTheOutput) {
  test_.outputs[2].features.back() += 1e-3f;
  EXPECT_THAT(std::string(Run().message()),
              AllOf(HasSubstr("sam features"), HasSubstr("one batch"), HasSubstr("differs by")));
}

TEST_F(RunSelfTestTest, AllowsRoundingButNotMore) {
  // The array's root mean square is about 0.5.
  test_.outputs[1].summary[0] += 3e-5f;
  EXPECT_TRUE(Run().ok()) << Run();
  test_.outputs[1].summary[0] += 3e-4f;
  EXPECT_THAT(std::string(Run().message()), HasSubstr("clip summary"));
  spec_.architecture = "eradio";
  EXPECT_TRUE(Run().ok()) << Run();
}

TEST_F(RunSelfTestTest, NoticesSwappedImages) {
  std::swap(test_.images[0], test_.images[2]);
  EXPECT_FALSE(Run().ok());
}

TEST_F(RunSelfTestTest, NoticesWrongDimensions) {
  spec_.outputs[1].feature_dim = 5;
  EXPECT_THAT(std::string(Run().message()), HasSubstr("clip features"));
}

TEST_F(RunSelfTestTest, NoticesMissingValues) {
  test_.outputs[0].summary.resize(8);
  EXPECT_THAT(std::string(Run().message()), HasSubstr("backbone summary"));
}

TEST_F(RunSelfTestTest, NoticesSurplusValues) {
  test_.outputs[0].summary.resize(80, 0.4f);
  EXPECT_THAT(std::string(Run().message()), HasSubstr("backbone summary"));
}

TEST_F(RunSelfTestTest, NoticesAMissingOutput) {
  test_.outputs.pop_back();
  EXPECT_FALSE(Run().ok());
}

TEST_F(RunSelfTestTest, RecordedNanNeverPasses) {
  test_.outputs[0].features[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(Run().ok());
  spec_.precision = "bfloat16";
  EXPECT_FALSE(Run().ok());
}

TEST_F(RunSelfTestTest, BFloat16IsComparedByDirection) {
  spec_.precision = "bfloat16";
  // 1 % on one channel of eight leaves the direction within 0.001.
  test_.outputs[0].features[0] *= 1.01f;
  EXPECT_TRUE(Run().ok()) << Run();
  test_.outputs[0].features[0] *= -1.0f;
  EXPECT_THAT(std::string(Run().message()), AllOf(HasSubstr("row 0"), HasSubstr("cosine")));
}

TEST_F(RunSelfTestTest, NoticesABatchThatDiffersFromImagesAlone) {
  // Alone, the engine sees a brighter image than within a batch.
  FakeEngine engine(spec_, [](absl::Span<const BatchItem> batch) {
    auto* pixels = const_cast<uint8_t*>(batch[0].image->pixels.data.data());
    if (batch.size() == 1) pixels[0] = 255;
    return absl::OkStatus();
  });
  EXPECT_THAT(std::string(RunSelfTest(&engine, spec_, test_).message()), HasSubstr("one by one"));
}

TEST_F(RunSelfTestTest, PassesTheEnginesErrorOn) {
  FakeEngine engine(spec_, [](absl::Span<const BatchItem>) { return absl::InternalError("no"); });
  EXPECT_EQ(RunSelfTest(&engine, spec_, test_).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace radio
