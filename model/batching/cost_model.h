// What an image costs: the unit of every budget, of admission and of batches alike.
#ifndef RADIO_MODEL_BATCHING_COST_MODEL_H_
#define RADIO_MODEL_BATCHING_COST_MODEL_H_

#include "model/model_spec.h"
#include "model/types.h"

namespace radio {

// Token equivalents: cost(T) = T (1 + T / T0). The linear layers of a ViT cost 24 D^2 FLOPs per
// token and block, attention 4 T D; at half the linears' rate, which is what attention reaches,
// both are equal at T0 = 3 D. Pure; a value.
class CostModel {
 public:
  explicit CostModel(const ModelSpec& spec)
      : patch_size_(spec.patch_size),
        prefix_tokens_(spec.num_prefix_tokens),
        t0_(3.0 * (spec.outputs.empty() ? 0 : spec.outputs[0].feature_dim)) {}

  // Cost of an image of `size` pixels; sides need not be supported.
  double CostOf(Size size) const {
    const double tokens = TokensOf(size) + prefix_tokens_;
    return t0_ > 0 ? tokens * (1 + tokens / t0_) : tokens;
  }

 private:
  double TokensOf(Size size) const {
    return static_cast<double>(size.height) * size.width /
           (static_cast<double>(patch_size_) * patch_size_);
  }

  int patch_size_;
  int prefix_tokens_;
  double t0_;
};

}  // namespace radio

#endif  // RADIO_MODEL_BATCHING_COST_MODEL_H_
