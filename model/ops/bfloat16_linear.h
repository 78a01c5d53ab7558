// Linears in bfloat16 for batches of any number of rows, for processors with bfloat16 units.
//
// oneDNN's compile a kernel for every number of rows, 5 to 10 ms each, and the tokens of packed
// batches hardly ever add up to the same number twice. These take rows in blocks of one size.
#ifndef RADIO_MODEL_OPS_BFLOAT16_LINEAR_H_
#define RADIO_MODEL_OPS_BFLOAT16_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/ops/block_product.h"

namespace radio::ops {

// Whether PackWeight takes it: bfloat16 [N, K], N a multiple of kPanelColumns.
bool IsPackable(const at::Tensor& weight);

// `weight` as the right side of products, [N / kPanelColumns, K, kPanelColumns] with K rounded up
// to kInnerStep: hardly larger than before.
at::Tensor PackWeight(const at::Tensor& weight);

// Of tensors that may come from PackWeight; one that does has three dimensions.
inline bool IsPacked(const at::Tensor& weight) { return weight.dim() == 3; }
inline int64_t OutputsOf(const at::Tensor& packed) { return packed.size(0) * kPanelColumns; }
inline bool InputsFit(const at::Tensor& packed, int64_t inputs) {
  return inputs > 0 && packed.size(1) == RoundUp(inputs, kInnerStep) &&
         packed.size(2) == kPanelColumns;
}

// act(input weight^T + bias) + residual, summed in float32 and rounded once. input: bfloat16 [M,
// K]; packed: of PackWeight; bias: [N] of a float type; residual: bfloat16 [M, N]; act: exact GELU
// or nothing. Returns bfloat16 [M, N]. A row's bits do not depend on the other rows.
at::Tensor Bfloat16Linear(const at::Tensor& input, const at::Tensor& packed,
                          const std::optional<at::Tensor>& bias,
                          const std::optional<at::Tensor>& residual, bool gelu,
                          const BlockUnit& unit);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_BFLOAT16_LINEAR_H_
