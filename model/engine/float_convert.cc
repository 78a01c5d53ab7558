#include "model/engine/float_convert.h"

#include <cstring>

namespace radio {
namespace {

uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// All exponent bits of the type are set.
constexpr uint32_t kFloatExponent = 0x7f800000;
constexpr uint16_t kHalfExponent = 0x7c00;
constexpr uint16_t kBFloat16Exponent = 0x7f80;

template <uint16_t (*kConvert)(float), uint16_t kExponent>
bool Store16(const float* source, int64_t count, uint8_t* target) {
  uint32_t non_finite = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = kConvert(source[i]);
    non_finite |= static_cast<uint32_t>((bits & kExponent) == kExponent);
    std::memcpy(target + 2 * i, &bits, sizeof(bits));
  }
  return non_finite == 0;
}

template <float (*kConvert)(uint16_t)>
void Load16(const void* source, int64_t count, float* target) {
  const auto* bytes = static_cast<const uint8_t*>(source);
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    target[i] = kConvert(bits);
  }
}

}  // namespace

uint16_t HalfFromFloat(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Normal: round the 13 bits that go, then move the exponent's bias from 127 to 15. A carry out of
  // the mantissa raises the exponent, up to infinity.
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
  // Subnormal: adding 0.5 puts the last bit of the half at the last bit of the float, so that the
  // processor rounds.
  const uint32_t subnormal = BitsOf(FloatOf(magnitude) + 0.5f) - BitsOf(0.5f);
  const uint32_t special = magnitude > kFloatExponent ? 0x7e00u : 0x7c00u;
  const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  return static_cast<uint16_t>(sign | (magnitude >= 0x47800000u ? special : finite));
}

uint16_t BFloat16FromFloat(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > kFloatExponent ? nan : rounded);
}

float FloatFromHalf(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  const uint32_t shifted = magnitude << 13;
  // 2^-24 is the unit of subnormals.
  const uint32_t subnormal = BitsOf(static_cast<float>(magnitude) * 5.9604644775390625e-8f);
  const uint32_t normal = shifted + (112u << 23);
  const uint32_t special = shifted | kFloatExponent;
  const uint32_t finite = magnitude < 0x400u ? subnormal : normal;
  return FloatOf(sign | (magnitude >= kHalfExponent ? special : finite));
}

float FloatFromBFloat16(uint16_t bits) { return FloatOf(static_cast<uint32_t>(bits) << 16); }

void LoadFloats(const void* source, DataType type, int64_t count, float* target) {
  switch (type) {
    case DataType::kFloat16:
      return Load16<FloatFromHalf>(source, count, target);
    case DataType::kBfloat16:
      return Load16<FloatFromBFloat16>(source, count, target);
    default:
      std::memcpy(target, source, static_cast<size_t>(count) * sizeof(float));
  }
}

bool StoreFloats(const float* source, int64_t count, DataType type, uint8_t* target) {
  switch (type) {
    case DataType::kFloat16:
      return Store16<HalfFromFloat, kHalfExponent>(source, count, target);
    case DataType::kBfloat16:
      return Store16<BFloat16FromFloat, kBFloat16Exponent>(source, count, target);
    default:
      break;
  }
  std::memcpy(target, source, static_cast<size_t>(count) * sizeof(float));
  uint32_t non_finite = 0;
  for (int64_t i = 0; i < count; ++i) {
    non_finite |= static_cast<uint32_t>((BitsOf(source[i]) & kFloatExponent) == kFloatExponent);
  }
  return non_finite == 0;
}

}  // namespace radio
