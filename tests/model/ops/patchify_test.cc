#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <vector>

#include "model/ops/operators.h"

namespace radio::ops {
namespace {

using testing::HasSubstr;
using testing::Throws;
using testing::ThrowsMessage;

constexpr double kMean[] = {0.48, 0.45, 0.4};
constexpr double kStd[] = {0.26, 0.27, 0.28};

at::Tensor Mean() { return at::tensor({0.48f, 0.45f, 0.4f}); }
at::Tensor Std() { return at::tensor({0.26f, 0.27f, 0.28f}); }

at::Tensor Patch(const std::vector<at::Tensor>& images, const std::vector<bool>& conditioned,
                 int64_t patch_size, at::ScalarType dtype = at::kFloat) {
  c10::List<bool> flags;
  for (const bool flag : conditioned) flags.push_back(flag);
  return Patchify(images, flags, Mean(), Std(), patch_size, dtype);
}

// By the definition in docs/artefacts.md, one value at a time.
std::vector<double> Expected(const at::Tensor& image, bool conditioned, int64_t p) {
  const double scale = image.scalar_type() == at::kByte ? 255.0 : 1.0;
  const at::Tensor pixels = image.to(at::kDouble);
  const auto value = pixels.accessor<double, 3>();
  std::vector<double> out;
  for (int64_t gy = 0; gy < image.size(1) / p; ++gy) {
    for (int64_t gx = 0; gx < image.size(2) / p; ++gx) {
      for (int64_t c = 0; c < 3; ++c) {
        for (int64_t y = 0; y < p; ++y) {
          for (int64_t x = 0; x < p; ++x) {
            const double v = value[c][gy * p + y][gx * p + x] / scale;
            out.push_back(conditioned ? v : (v - kMean[c]) / kStd[c]);
          }
        }
      }
    }
  }
  return out;
}

void ExpectNear(const at::Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const at::Tensor values = actual.to(at::kDouble).flatten();
  ASSERT_EQ(values.numel(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(values.const_data_ptr<double>()[i], expected[i], tolerance) << i;
  }
}

at::Tensor Bytes(int64_t height, int64_t width) {
  return at::randint(0, 256, {height, width, 3}, at::kByte);
}

TEST(PatchifyTest, Uint8InterleavedImagesOfAnySizeArePackedInOrder) {
  const std::vector<at::Tensor> images = {Bytes(28, 70).permute({2, 0, 1}),
                                          Bytes(14, 14).permute({2, 0, 1}),
                                          Bytes(42, 14).permute({2, 0, 1})};
  const at::Tensor patches = Patch(images, {false, false, false}, 14);
  EXPECT_EQ(patches.sizes(), (std::vector<int64_t>{10 + 1 + 3, 3 * 14 * 14}));
  int64_t row = 0;
  for (const at::Tensor& image : images) {
    const std::vector<double> expected = Expected(image, false, 14);
    const int64_t rows = static_cast<int64_t>(expected.size()) / (3 * 14 * 14);
    ExpectNear(patches.narrow(0, row, rows), expected, 1e-6);
    row += rows;
  }
}

TEST(PatchifyTest, FloatImagesOfAnyStridesAndTypes) {
  // A window into a larger image, with swapped axes: no stride is what a fresh tensor would have.
  const at::Tensor window =
      at::rand({70, 3, 50}).permute({1, 0, 2}).slice(1, 3, 35).slice(2, 1, 49);
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor image = window.to(type);
    for (const bool conditioned : {false, true}) {
      ExpectNear(Patch({image}, {conditioned}, 16), Expected(image, conditioned, 16), 2e-6);
    }
  }
}

TEST(PatchifyTest, EachImageHasItsOwnConditionedFlag) {
  const at::Tensor image = Bytes(8, 8).permute({2, 0, 1});
  const at::Tensor patches = Patch({image, image}, {true, false}, 8);
  ExpectNear(patches.narrow(0, 0, 1), Expected(image, true, 8), 1e-6);
  ExpectNear(patches.narrow(0, 1, 1), Expected(image, false, 8), 1e-6);
}

TEST(PatchifyTest, ResultIsRoundedFromFloat32) {
  const at::Tensor image = Bytes(32, 16).permute({2, 0, 1});
  const at::Tensor exact = Patch({image}, {false}, 16);
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    EXPECT_TRUE(Patch({image}, {false}, 16, type).equal(exact.to(type)));
  }
}

TEST(PatchifyTest, RefusesWhatBreaksItsRules) {
  const at::Tensor good = Bytes(16, 16).permute({2, 0, 1});
  const auto message = [](const char* text) { return ThrowsMessage<c10::Error>(HasSubstr(text)); };
  EXPECT_THAT([&] { Patch({}, {}, 16); }, message("no images"));
  EXPECT_THAT([&] { Patch({good}, {}, 16); }, message("1 images but 0 conditioned flags"));
  EXPECT_THAT(
      [&] {
        Patch({good, Bytes(16, 24).permute({2, 0, 1})}, {false, false}, 16);
      },
      message("images[1]: 16 x 24 is not a positive multiple of 16"));
  EXPECT_THAT([&] { Patch({Bytes(16, 16)}, {false}, 16); }, message("must be [3, H, W]"));
  EXPECT_THAT([&] { Patch({good}, {false}, 0); }, message("patch_size must be positive"));
  EXPECT_THAT([&] { Patch({good}, {false}, 16, at::kLong); }, message("dtype"));
  EXPECT_THAT([&] { Patch({good.to(at::kInt)}, {false}, 16); }, Throws<c10::Error>());
  c10::List<bool> flags;
  flags.push_back(false);
  EXPECT_THAT([&] { Patchify({good}, flags, Mean().to(at::kDouble), Std(), 16, at::kFloat); },
              message("mean must be 3 float32 values"));
}

}  // namespace
}  // namespace radio::ops
