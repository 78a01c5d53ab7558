// The project's element types as LibTorch's.
#ifndef RADIO_MODEL_ENGINE_TORCH_SCALAR_TYPE_H_
#define RADIO_MODEL_ENGINE_TORCH_SCALAR_TYPE_H_

#include <c10/core/ScalarType.h>

#include "model/types.h"

namespace radio {

inline c10::ScalarType ScalarTypeOf(DataType type) {
  switch (type) {
    case DataType::kUint8:
      return c10::kByte;
    case DataType::kFloat16:
      return c10::kHalf;
    case DataType::kBfloat16:
      return c10::kBFloat16;
    default:
      return c10::kFloat;
  }
}

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_SCALAR_TYPE_H_
