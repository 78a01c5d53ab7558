#include "model/engine/float_convert.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace radio {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// IEEE 754 from the definition: sign, 5 exponent bits with bias 15, 10 mantissa bits.
double HalfByDefinition(uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return mantissa != 0 ? std::nan("") : sign * kInfinity;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(FloatConvertTest, EveryHalfIsReadAsDefined) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const double expected = HalfByDefinition(static_cast<uint16_t>(bits));
    const float value = FloatFromHalf(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else {
      ASSERT_EQ(double{value}, expected) << bits;
    }
  }
}

TEST(FloatConvertTest, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = FloatFromHalf(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FloatFromHalf(HalfFromFloat(value)))) << bits;
    } else {
      ASSERT_EQ(HalfFromFloat(value), bits);
    }
  }
}

// Between each pair of neighbours: just below the middle, the middle (ties to even), just above.
template <typename Store, typename Load>
void CheckRounding(uint32_t largest, Store store, Load load) {
  for (uint32_t bits = 0; bits < largest; ++bits) {
    const float low = load(static_cast<uint16_t>(bits));
    const float high = load(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(store(middle), bits + (bits & 1)) << bits;
    ASSERT_EQ(store(std::nextafter(middle, -kInfinity)), bits);
    ASSERT_EQ(store(std::nextafter(middle, kInfinity)), bits + 1);
    ASSERT_EQ(store(-middle), (bits + (bits & 1)) | 0x8000u);
  }
}

TEST(FloatConvertTest, HalfRoundsToNearestTiesToEven) {
  CheckRounding(0x7bff, HalfFromFloat, FloatFromHalf);
}

TEST(FloatConvertTest, BFloat16RoundsToNearestTiesToEven) {
  // From the smallest normal number on: the middle of two subnormals is no float to aim at.
  for (uint32_t bits = 0x80; bits < 0x7f7f; ++bits) {
    const float low = FloatFromBFloat16(static_cast<uint16_t>(bits));
    const float high = FloatFromBFloat16(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(BFloat16FromFloat(middle), bits + (bits & 1)) << bits;
    ASSERT_EQ(BFloat16FromFloat(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(BFloat16FromFloat(std::nextafter(middle, kInfinity)), bits + 1);
  }
}

TEST(FloatConvertTest, SpecialValuesStaySpecial) {
  EXPECT_EQ(HalfFromFloat(kInfinity), 0x7c00);
  EXPECT_EQ(HalfFromFloat(-kInfinity), 0xfc00);
  EXPECT_EQ(HalfFromFloat(65519.0f), 0x7bff);
  EXPECT_EQ(HalfFromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(HalfFromFloat(1e30f), 0x7c00);
  EXPECT_EQ(HalfFromFloat(1e-30f), 0);
  EXPECT_TRUE(std::isnan(FloatFromHalf(HalfFromFloat(std::nanf("")))));
  EXPECT_EQ(BFloat16FromFloat(kInfinity), 0x7f80);
  EXPECT_EQ(BFloat16FromFloat(-kInfinity), 0xff80);
  EXPECT_TRUE(std::isnan(FloatFromBFloat16(BFloat16FromFloat(std::nanf("1")))));
}

class StoreFloatsTest : public testing::TestWithParam<DataType> {};

TEST_P(StoreFloatsTest, SaysWhenAValueIsNotFinite) {
  const DataType type = GetParam();
  for (const float bad : {std::nanf(""), kInfinity, -kInfinity}) {
    for (size_t place : {0u, 7u, 36u}) {
      std::vector<float> values(37, 1.5f);
      std::vector<uint8_t> bytes(37 * ElementSize(type));
      EXPECT_TRUE(StoreFloats(values.data(), 37, type, bytes.data()));
      values[place] = bad;
      EXPECT_FALSE(StoreFloats(values.data(), 37, type, bytes.data())) << bad << " at " << place;
    }
  }
}

TEST_P(StoreFloatsTest, NeedsNoAlignment) {
  const DataType type = GetParam();
  const std::vector<float> values = {0.5f, -2.0f, 3.25f};
  std::vector<uint8_t> bytes(1 + 3 * ElementSize(type));
  ASSERT_TRUE(StoreFloats(values.data(), 3, type, bytes.data() + 1));
  std::vector<float> back(3);
  LoadFloats(bytes.data() + 1, type, 3, back.data());
  EXPECT_EQ(back, values);
}

TEST(StoreFloatsTest, ValueBeyondHalfIsNotFinite) {
  const float large = 70000.0f;
  uint8_t bytes[2];
  EXPECT_FALSE(StoreFloats(&large, 1, DataType::kFloat16, bytes));
  EXPECT_TRUE(StoreFloats(&large, 1, DataType::kBfloat16, bytes));
}

INSTANTIATE_TEST_SUITE_P(Types, StoreFloatsTest,
                         testing::Values(DataType::kFloat32, DataType::kFloat16,
                                         DataType::kBfloat16));

}  // namespace
}  // namespace radio
