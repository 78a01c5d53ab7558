// Rows of floats from and to the float types of tensors.
#ifndef RADIO_MODEL_ENGINE_FLOAT_CONVERT_H_
#define RADIO_MODEL_ENGINE_FLOAT_CONVERT_H_

#include <cstdint>

#include "model/types.h"

namespace radio {

// One value. To float16 and bfloat16: nearest, ties to even; beyond float16's range: infinity; NaN
// stays NaN.
uint16_t HalfFromFloat(float value);
uint16_t BFloat16FromFloat(float value);
float FloatFromHalf(uint16_t bits);
float FloatFromBFloat16(uint16_t bits);

// `count` values of `type` (a float type) at `source` to floats. Exact.
void LoadFloats(const void* source, DataType type, int64_t count, float* target);

// `count` floats to `type` (a float type) at `target`, which needs no alignment. False when a value
// written is infinite or NaN.
bool StoreFloats(const float* source, int64_t count, DataType type, uint8_t* target);

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_FLOAT_CONVERT_H_
