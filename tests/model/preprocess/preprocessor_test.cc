#include "model/preprocess/preprocessor.h"

#include <gmock/gmock.h>

#include <cstring>

#include "model/errors.h"
#include "tests/testing/encode_image.h"

namespace radio {
namespace {

using ::testing::HasSubstr;

ModelSpec MakeSpec(int step = 16, int max_resolution = 2048) {
  ModelSpec spec;
  spec.patch_size = step;
  spec.resolution_step = step;
  spec.max_resolution = max_resolution;
  spec.preferred = {432, 432};
  return spec;
}

ResizeOptions Mode(ResizeMode mode) {
  ResizeOptions options;
  options.mode = mode;
  return options;
}

ResizeOptions Exact(int height, int width) {
  ResizeOptions options = Mode(ResizeMode::kExact);
  options.exact = {height, width};
  return options;
}

ResizeOptions ShortestSide(int side) {
  ResizeOptions options = Mode(ResizeMode::kShortestSide);
  options.shortest_side = side;
  return options;
}

ImageTensor ByteTensor(Size size) {
  ImageTensor tensor;
  tensor.size = size;
  tensor.pixels = Bytes::Own(MakePicture(size).pixels);
  return tensor;
}

// Every element has the bits of `value`, the last one those of `last`.
template <typename Bits>
ImageTensor FloatTensor(DataType type, Size size, Bits value, Bits last) {
  std::vector<Bits> elements(size_t{3} * size.height * size.width, value);
  elements.back() = last;
  std::vector<uint8_t> bytes(elements.size() * sizeof(Bits));
  std::memcpy(bytes.data(), elements.data(), bytes.size());
  ImageTensor tensor;
  tensor.data_type = type;
  tensor.size = size;
  tensor.pixels = Bytes::Own(std::move(bytes));
  return tensor;
}

EncodedImage File(const Encoded& encoded) { return EncodedImage{Bytes::Own(encoded)}; }

absl::StatusOr<PreparedImage> Prepare(const ImageSource& source,
                                      const ResizeOptions& options = {}) {
  return Preprocessor({}).Prepare(MakeSpec(), source, options);
}

std::optional<Reason> PlanReason(Size source, const ResizeOptions& options) {
  return ReasonOf(PlanResize(MakeSpec(), source, options).status());
}

TEST(PlanResizeTest, WithoutAModeOnlySupportedSizesPass) {
  EXPECT_EQ(*PlanResize(MakeSpec(), {224, 320}, {}), (Size{224, 320}));
  const absl::Status status = PlanResize(MakeSpec(), {225, 224}, {}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kResolutionUnsupported);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nearest supported size is 224 x 224"));
  EXPECT_EQ(PlanReason({3200, 16}, {}), Reason::kResolutionUnsupported);
}

TEST(PlanResizeTest, NearestSupportedRoundsEachSideAndStopsAtTheLargest) {
  const ResizeOptions nearest = Mode(ResizeMode::kNearestSupported);
  EXPECT_EQ(*PlanResize(MakeSpec(), {437, 701}, nearest), (Size{432, 704}));
  EXPECT_EQ(*PlanResize(MakeSpec(), {7, 5000}, nearest), (Size{16, 2048}));
}

TEST(PlanResizeTest, ExactTakesSupportedSizesOnly) {
  EXPECT_EQ(*PlanResize(MakeSpec(), {10, 10}, Exact(192, 256)), (Size{192, 256}));
  EXPECT_EQ(PlanReason({10, 10}, Exact(192, 250)), Reason::kResolutionUnsupported);
  EXPECT_EQ(PlanReason({10, 10}, Exact(-1, 224)), Reason::kRequestInvalid);
  EXPECT_EQ(PlanReason({10, 10}, Exact(224, 0)), Reason::kRequestInvalid);
}

TEST(PlanResizeTest, ShortestSideKeepsTheProportionUpToRounding) {
  EXPECT_EQ(*PlanResize(MakeSpec(), {437, 701}, ShortestSide(224)), (Size{224, 352}));
  EXPECT_EQ(*PlanResize(MakeSpec(), {701, 437}, ShortestSide(224)), (Size{352, 224}));
  EXPECT_EQ(*PlanResize(MakeSpec(), {100, 300}, ShortestSide(230)), (Size{224, 688}));
  // 500 * 378 / 375 = 504 = 31.5 steps: a half goes to the even neighbour.
  EXPECT_EQ(*PlanResize(MakeSpec(), {375, 500}, ShortestSide(378)), (Size{384, 512}));
  EXPECT_EQ(*PlanResize(MakeSpec(14), {375, 500}, ShortestSide(378)), (Size{378, 504}));
}

TEST(PlanResizeTest, ShortestSideRefusesWhatMakesNoSense) {
  EXPECT_EQ(PlanReason({10, 10}, ShortestSide(0)), Reason::kRequestInvalid);
  EXPECT_EQ(PlanReason({10, 10}, ShortestSide(-5)), Reason::kRequestInvalid);
  EXPECT_EQ(PlanReason({10, 10}, ShortestSide(2049)), Reason::kResolutionUnsupported);
}

TEST(PlanResizeTest, TheLongerSideStopsAtTheLargestSupported) {
  EXPECT_EQ(*PlanResize(MakeSpec(), {10, 16000}, ShortestSide(64)), (Size{64, 2048}));
}

TEST(PlanResizeTest, PreferredIsTheModels) {
  EXPECT_EQ(*PlanResize(MakeSpec(), {437, 701}, Mode(ResizeMode::kPreferred)), (Size{432, 432}));
}

TEST(PlanResizeTest, ASourceWithoutPixelsIsRefusedInEveryMode) {
  for (const ResizeOptions& options :
       {Mode(ResizeMode::kNone), Mode(ResizeMode::kNearestSupported), Exact(224, 224),
        ShortestSide(224), Mode(ResizeMode::kPreferred)}) {
    for (const Size size : {Size{0, 224}, Size{224, -224}}) {
      EXPECT_EQ(PlanReason(size, options), Reason::kResolutionUnsupported);
    }
  }
}

TEST(SourceSizeTest, ComesFromTheHeaderOrTheShape) {
  EXPECT_EQ(*SourceSize(File(EncodePng(MakePicture({30, 40}))), {}), (Size{30, 40}));
  EXPECT_EQ(*SourceSize(ByteTensor({30, 40}), {}), (Size{30, 40}));
  EXPECT_EQ(ReasonOf(SourceSize(File({1, 2, 3}), {}).status()), Reason::kImageUndecodable);
}

TEST(SourceSizeTest, LimitsHoldForTensorsToo) {
  DecodeLimits limits;
  limits.max_side = 39;
  EXPECT_EQ(ReasonOf(SourceSize(ByteTensor({30, 40}), limits).status()), Reason::kImageTooLarge);
}

TEST(SourceSizeTest, ATensorWithoutPixelsIsInvalid) {
  ImageTensor tensor;
  tensor.size = {0, 224};
  EXPECT_EQ(ReasonOf(SourceSize(tensor, {}).status()), Reason::kTensorInvalid);
}

TEST(PreprocessorTest, AFileBecomesABytesTensorOfThePlannedSize) {
  const RgbImage picture = MakePicture({100, 130});
  const auto prepared = Prepare(File(EncodePng(picture)), Mode(ResizeMode::kNearestSupported));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->source_size, picture.size);
  EXPECT_EQ(prepared->tensor.size, (Size{96, 128}));
  EXPECT_EQ(prepared->tensor.data_type, DataType::kUint8);
  EXPECT_FALSE(prepared->tensor.conditioned);
  EXPECT_EQ(prepared->tensor.pixels.data.size(), size_t{96} * 128 * 3);
}

TEST(PreprocessorTest, ATurnedPhotoCountsAsPeopleSeeIt) {
  JpegOptions options;
  options.exif = MakeExif(6);
  const auto prepared = Prepare(File(EncodeJpeg(MakePicture({64, 96}), options)), {});
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->source_size, (Size{96, 64}));
  EXPECT_EQ(prepared->tensor.size, (Size{96, 64}));
}

TEST(PreprocessorTest, FileAndTensorOfTheSamePixelsGiveTheSameTensor) {
  const Size size{100, 130};
  const auto file = Prepare(File(EncodePng(MakePicture(size))), Exact(64, 160));
  const auto tensor = Prepare(ByteTensor(size), Exact(64, 160));
  ASSERT_TRUE(file.ok() && tensor.ok());
  EXPECT_TRUE(file->tensor.pixels.data == tensor->tensor.pixels.data);
}

TEST(PreprocessorTest, APlanarImageGivesTheSameTensorAsItsInterleavedTwin) {
  const ImageTensor tensor = ByteTensor({48, 64});
  PlanarImage planar{tensor.size, {}};
  std::vector<uint8_t> pixels;
  for (size_t channel = 0; channel < 3; ++channel) {
    for (size_t i = channel; i < tensor.pixels.data.size(); i += 3) {
      pixels.push_back(tensor.pixels.data[i]);
    }
  }
  planar.pixels = Bytes::Own(std::move(pixels));
  EXPECT_EQ(*SourceSize(planar, {}), (Size{48, 64}));
  for (const ResizeOptions& options : {Mode(ResizeMode::kNone), Exact(32, 96)}) {
    const auto expected = Prepare(tensor, options);
    const auto prepared = Prepare(planar, options);
    ASSERT_TRUE(expected.ok() && prepared.ok());
    EXPECT_EQ(prepared->tensor.size, expected->tensor.size);
    EXPECT_EQ(prepared->source_size, (Size{48, 64}));
    EXPECT_EQ(prepared->tensor.pixels.data, expected->tensor.pixels.data);
  }
}

TEST(PreprocessorTest, ATensorOfTheRightSizeIsSharedNotCopied) {
  const ImageTensor bytes = ByteTensor({64, 32});
  const auto prepared = Prepare(bytes, Mode(ResizeMode::kNearestSupported));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->tensor.pixels.data.data(), bytes.pixels.data.data());

  ImageTensor floats = FloatTensor<uint32_t>(DataType::kFloat32, {64, 32}, 0x3F000000, 0);
  floats.conditioned = true;
  const auto same = Prepare(floats);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->tensor.pixels.data.data(), floats.pixels.data.data());
  EXPECT_TRUE(same->tensor.conditioned);
  EXPECT_EQ(same->tensor.data_type, DataType::kFloat32);
}

TEST(PreprocessorTest, AFloatTensorIsNeverResized) {
  const ImageTensor tensor = FloatTensor<uint32_t>(DataType::kFloat32, {60, 32}, 0, 0);
  const absl::Status status = Prepare(tensor, Mode(ResizeMode::kNearestSupported)).status();
  EXPECT_EQ(ReasonOf(status), Reason::kTensorInvalid);
  EXPECT_THAT(std::string(status.message()), HasSubstr("60 x 32"));
  EXPECT_EQ(ReasonOf(Prepare(tensor).status()), Reason::kResolutionUnsupported);
}

TEST(PreprocessorTest, OneNaNOrInfinityAmongFloatsIsFound) {
  constexpr Size kSize{48, 48};
  for (const uint32_t last : {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFF800001u}) {
    const ImageTensor tensor = FloatTensor<uint32_t>(DataType::kFloat32, kSize, 0, last);
    EXPECT_EQ(ReasonOf(Prepare(tensor).status()), Reason::kTensorInvalid);
  }
  for (const uint16_t last : {0x7C00, 0xFC00, 0x7E00}) {
    const ImageTensor tensor = FloatTensor<uint16_t>(DataType::kFloat16, kSize, 0, last);
    EXPECT_EQ(ReasonOf(Prepare(tensor).status()), Reason::kTensorInvalid);
  }
  for (const uint16_t last : {0x7F80, 0xFF80, 0x7FC0}) {
    const ImageTensor tensor = FloatTensor<uint16_t>(DataType::kBfloat16, kSize, 0, last);
    EXPECT_EQ(ReasonOf(Prepare(tensor).status()), Reason::kTensorInvalid);
  }
}

TEST(PreprocessorTest, LargeAndTinyFloatsAreFinite) {
  constexpr Size kSize{48, 48};
  EXPECT_TRUE(Prepare(FloatTensor<uint32_t>(DataType::kFloat32, kSize, 1, 0x7F7FFFFF)).ok());
  EXPECT_TRUE(Prepare(FloatTensor<uint16_t>(DataType::kFloat16, kSize, 1, 0x7BFF)).ok());
  EXPECT_TRUE(Prepare(FloatTensor<uint16_t>(DataType::kBfloat16, kSize, 1, 0x7F7F)).ok());
}

TEST(PreprocessorTest, AByteTensorCannotBeConditioned) {
  ImageTensor tensor = ByteTensor({64, 32});
  tensor.conditioned = true;
  EXPECT_EQ(ReasonOf(Prepare(tensor).status()), Reason::kTensorInvalid);
}

TEST(PreprocessorTest, ItsLimitsApply) {
  Preprocessor::Options options;
  options.limits.max_pixels = 100;
  const auto prepared =
      Preprocessor(options).Prepare(MakeSpec(), File(EncodePng(MakePicture({64, 32}))), {});
  EXPECT_EQ(ReasonOf(prepared.status()), Reason::kImageTooLarge);
}

}  // namespace
}  // namespace radio
