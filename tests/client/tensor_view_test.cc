#include "client/tensor_view.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace radio::client {
namespace {

using ::testing::ElementsAre;

v1::Tensor MakeTensor(v1::DataType type, const std::vector<int64_t>& shape,
                      const std::string& bytes) {
  v1::Tensor tensor;
  tensor.set_data_type(type);
  for (int64_t extent : shape) tensor.add_shape(extent);
  tensor.set_data(bytes);
  return tensor;
}

TEST(TensorViewTest, HalfPrecisionIsConvertedExactly) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(HalfToFloat(0xc500), -5.0f);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f) << "smallest subnormal";
  EXPECT_EQ(HalfToFloat(0x83ff), -1023 * 0x1p-24f) << "largest subnormal";
  EXPECT_EQ(HalfToFloat(0x0400), 0x1p-14f) << "smallest normal";
  EXPECT_EQ(HalfToFloat(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(HalfToFloat(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e00)));
}

TEST(TensorViewTest, Bfloat16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(Bfloat16ToFloat(0x3f80), 1.0f);
  EXPECT_EQ(Bfloat16ToFloat(0xc0a0), -5.0f);
  EXPECT_TRUE(std::isnan(Bfloat16ToFloat(0x7fc0)));
}

TEST(TensorViewTest, ConvertsEveryType) {
  const auto values = [](const v1::Tensor& tensor) { return TensorView::Of(tensor)->ToFloat32(); };
  EXPECT_THAT(values(MakeTensor(v1::DATA_TYPE_UINT8, {2}, std::string("\x07\xff", 2))),
              ElementsAre(7, 255));
  EXPECT_THAT(values(MakeTensor(v1::DATA_TYPE_FLOAT16, {1}, std::string("\x00\x3c", 2))),
              ElementsAre(1));
  EXPECT_THAT(values(MakeTensor(v1::DATA_TYPE_BFLOAT16, {1}, std::string("\xa0\xc0", 2))),
              ElementsAre(-5));
  EXPECT_THAT(values(MakeTensor(v1::DATA_TYPE_FLOAT32, {1}, std::string("\x00\x00\x80\x3f", 4))),
              ElementsAre(1));
}

TEST(TensorViewTest, OnlyFloat32IsSeenInPlace) {
  const v1::Tensor half = MakeTensor(v1::DATA_TYPE_FLOAT16, {1}, "ab");
  EXPECT_EQ(TensorView::Of(half)->AsFloat32().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TensorViewTest, RefusesBytesThatDoNotFitTheShape) {
  for (const v1::Tensor& tensor :
       {MakeTensor(v1::DATA_TYPE_FLOAT32, {2}, "1234567"),
        MakeTensor(v1::DATA_TYPE_FLOAT32, {3}, "12345678"),
        MakeTensor(v1::DATA_TYPE_FLOAT32, {-2}, "12345678"),
        MakeTensor(v1::DATA_TYPE_UNSPECIFIED, {2}, "12345678"),
        MakeTensor(v1::DATA_TYPE_UINT8, {int64_t{1} << 32, int64_t{1} << 32}, ""),
        MakeTensor(v1::DATA_TYPE_FLOAT32, {int64_t{1} << 62, 4}, ""),
        // Products that are right again after they have overflowed.
        MakeTensor(v1::DATA_TYPE_FLOAT32, {(int64_t{1} << 62) + 2}, "12345678"),
        MakeTensor(v1::DATA_TYPE_FLOAT16, {(int64_t{1} << 62) + 2, 2}, "12345678"),
        MakeTensor(v1::DATA_TYPE_FLOAT32, {0, -1}, ""),
        MakeTensor(v1::DATA_TYPE_FLOAT32, {}, "12345678")}) {
    EXPECT_EQ(TensorView::Of(tensor).status().code(), absl::StatusCode::kInternal)
        << tensor.ShortDebugString();
  }
}

TEST(TensorViewTest, EmptyTensorsAreFine) {
  const v1::Tensor tensor = MakeTensor(v1::DATA_TYPE_FLOAT32, {0, 5}, "");
  const auto view = TensorView::Of(tensor);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->size(), 0);
  EXPECT_TRUE(TensorView::Of(MakeTensor(v1::DATA_TYPE_FLOAT32, {int64_t{1} << 62, 0}, "")).ok());
}

}  // namespace
}  // namespace radio::client
