// What radio::gather_outputs is told: which rows become which bytes of an answer. The rules are the
// same on every device.
#ifndef RADIO_MODEL_OPS_OUTPUT_SEGMENTS_H_
#define RADIO_MODEL_OPS_OUTPUT_SEGMENTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace radio::ops {

// Rows [first_row, first_row + rows) of a source [N, C], each divided by its Euclidean norm under
// l2_normalize (in float32; a zero row stays zero), cast to `type` (nearest, ties to even), as
// [rows, C] or, channels_first, [C, rows], from byte `offset` of the slab on.
struct OutputSegment {
  int64_t source;
  int64_t first_row;
  int64_t rows;
  int64_t offset;
  at::ScalarType type;
  bool channels_first;
  bool l2_normalize;
};

// As the integers of the operator's schema.
void AppendSegment(const OutputSegment& segment, std::vector<int64_t>* plan);

// Back from them. Throws c10::Error where sources are not contiguous [N, C] of a float type on one
// device, or a segment reads beyond its source or writes beyond the slab of `bytes`.
std::vector<OutputSegment> ReadSegments(at::TensorList sources, at::IntArrayRef plan,
                                        int64_t bytes);

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_OUTPUT_SEGMENTS_H_
