// Schemas and CPU kernels of the namespace `radio`.
#include <torch/library.h>

#include "model/ops/operators.h"

namespace radio::ops {
namespace {

TORCH_LIBRARY(radio, m) {
  m.def(
      "patchify(Tensor[] images, bool[] conditioned, Tensor mean, Tensor std, int patch_size, "
      "ScalarType dtype) -> Tensor");
  m.def(
      "position_embedding(Tensor table, int[] heights, int[] widths, bool align_corners) -> "
      "Tensor");
  m.def(
      "varlen_attention(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens, int max_seqlen, float "
      "scale) -> Tensor");
  m.def(
      "linear(Tensor input, Tensor weight, Tensor? bias, Tensor? residual, str activation) -> "
      "Tensor");
  m.def(
      "add_layer_norm_(Tensor(a!) residual, Tensor? addend, Tensor weight, Tensor bias, float eps, "
      "ScalarType dtype) -> Tensor");
  m.def("gather_outputs(Tensor[] sources, int[] plan, int bytes) -> Tensor");
}

TORCH_LIBRARY_IMPL(radio, CPU, m) {
  m.impl("patchify", &Patchify);
  m.impl("position_embedding", &PositionEmbedding);
  m.impl("varlen_attention", &VarlenAttention);
  m.impl("linear", &Linear);
  m.impl("add_layer_norm_", &AddLayerNorm);
  m.impl("gather_outputs", &GatherOutputs);
}

}  // namespace
}  // namespace radio::ops
