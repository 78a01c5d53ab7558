#include <ATen/ops/empty.h>

#include "model/ops/norm_row.h"
#include "model/ops/norm_rules.h"
#include "model/ops/operators.h"
#include "model/ops/parallel.h"

namespace radio::ops {
namespace {

// Fewer rows than this are not worth another thread.
constexpr int64_t kRowsPerTask = 16;

template <typename In, typename Out>
void AddNormRows(const LayerNorm& norm, const at::Tensor& residual, const In* addend, Out* output) {
  float* rows = residual.mutable_data_ptr<float>();
  at::parallel_for(0, residual.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row * norm.channels;
      AddNormRow(norm, rows + first, addend == nullptr ? nullptr : addend + first, output + first);
    }
  });
}

template <typename In>
at::Tensor AddNormTo(const LayerNorm& norm, const at::Tensor& residual, const void* addend,
                     at::ScalarType dtype) {
  at::Tensor output = at::empty(residual.sizes(), residual.options().dtype(dtype));
  const auto run = [&](auto* target) {
    AddNormRows(norm, residual, static_cast<const In*>(addend), target);
  };
  if (dtype == at::kFloat) {
    run(output.mutable_data_ptr<float>());
  } else {
    run(static_cast<uint16_t*>(output.mutable_data_ptr()));
  }
  return output;
}

}  // namespace

at::Tensor AddLayerNorm(const at::Tensor& residual, const std::optional<at::Tensor>& addend,
                        const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                        at::ScalarType dtype) {
  CheckAddLayerNorm(residual, addend, weight, bias, dtype);
  const LayerNorm norm = {weight.const_data_ptr<float>(), bias.const_data_ptr<float>(),
                          residual.size(1), static_cast<float>(epsilon)};
  if (!addend.has_value()) return AddNormTo<float>(norm, residual, nullptr, dtype);
  const at::Tensor contiguous = addend->contiguous();
  const void* values = contiguous.const_data_ptr();
  return contiguous.scalar_type() == at::kFloat
             ? AddNormTo<float>(norm, residual, values, dtype)
             : AddNormTo<uint16_t>(norm, residual, values, dtype);
}

}  // namespace radio::ops
