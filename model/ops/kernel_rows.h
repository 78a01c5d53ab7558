// How many rows the linears of a packed batch are computed with.
#ifndef RADIO_MODEL_OPS_KERNEL_ROWS_H_
#define RADIO_MODEL_OPS_KERNEL_ROWS_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>

namespace radio::ops {

// oneDNN compiles a kernel for every number of rows that it meets, which takes 5 to 10 ms, and the
// tokens of packed batches hardly ever add up to the same number twice. So products are taken with
// one of few numbers of rows: the next multiple of 16, from 1,024 rows on one that is at most 1/32
// more.
inline int64_t KernelRows(int64_t rows) {
  int64_t step = 16;
  while (step * 64 <= rows) step *= 2;
  return (rows + step - 1) / step * step;
}

// Like at::empty({rows, columns}), with memory for KernelRows(rows) behind it, so that it need not
// be copied for a linear.
inline at::Tensor EmptyRows(int64_t rows, int64_t columns, const at::TensorOptions& options) {
  return at::empty({KernelRows(rows), columns}, options).narrow(0, 0, rows);
}

// `tensor` [rows, columns] with KernelRows(rows) rows, of which those beyond its own hold whatever
// they hold: its own memory where that is long enough, else a copy. To be read only. A tensor of
// other dimensions is no packed batch and stays as it is.
inline at::Tensor WithKernelRows(const at::Tensor& tensor) {
  if (tensor.dim() != 2) return tensor;
  const int64_t rows = tensor.size(0);
  const int64_t columns = tensor.size(1);
  const int64_t padded = KernelRows(rows);
  if (padded == rows) return tensor;
  const auto end = static_cast<size_t>(tensor.storage_offset() + padded * columns);
  if (tensor.is_contiguous() && end * tensor.element_size() <= tensor.storage().nbytes()) {
    return tensor.as_strided({padded, columns}, {columns, 1});
  }
  const at::Tensor copy = at::empty({padded, columns}, tensor.options());
  copy.narrow(0, 0, rows).copy_(tensor);
  copy.narrow(0, rows, padded - rows).zero_();
  return copy;
}

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_KERNEL_ROWS_H_
