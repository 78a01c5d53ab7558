#include "tests/benchmark/model_work.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "absl/strings/match.h"
#include "model/ops/cpu_features.h"

namespace radio {
namespace {

using Linear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                          std::string_view, c10::List<std::optional<at::Scalar>>,
                          std::optional<std::string_view>);

// `weight` in oneDNN's own layout, and the product with it. LibTorch exports no C++ declaration of
// these two.
at::Tensor Reorder(const at::Tensor& weight) {
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
      .typed<at::Tensor(const at::Tensor&, std::optional<int64_t>)>()
      .call(weight, 1024);
}

at::Tensor OneDnnLinear(const at::Tensor& input, const at::Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                             .typed<Linear>();
  return op.call(input, weight, {}, "none", c10::List<std::optional<at::Scalar>>(), "none");
}

// Products in a row on a device, which is waited for at their end.
constexpr int kProductsInARow = 20;

// Seconds of one product [rows, inner] x [outer, inner]^T at LibTorch's best.
double BestProduct(int64_t rows, int64_t outer, int64_t inner, at::TensorOptions options,
                   int repeats, double (*seconds)()) {
  const at::Tensor input = at::randn({rows, inner}).to(options);
  const at::Tensor weight = at::randn({outer, inner}).to(options);
  const bool on_cpu = input.is_cpu();
  const at::Tensor reordered = on_cpu ? Reorder(weight) : at::Tensor();
  const int times = on_cpu ? 1 : kProductsInARow;
  double best = std::numeric_limits<double>::max();
  const auto time = [&](const auto& product) {
    const double start = seconds();
    for (int i = 0; i < times; ++i) product();
    if (!on_cpu) at::accelerator::synchronizeDevice(input.device().index());
    best = std::min(best, (seconds() - start) / times);
  };
  for (int i = 0; i < repeats; ++i) {
    time([&] { at::linear(input, weight); });
    if (on_cpu) time([&] { OneDnnLinear(input, reordered); });
  }
  return best;
}

}  // namespace

double ModelWork::LinearFlopsOf(int64_t tokens) const {
  double weights = 0;
  for (const auto& [outer, inner] : linears) {
    weights += static_cast<double>(outer) * static_cast<double>(inner);
  }
  return 2 * static_cast<double>(tokens) * weights;
}

double ModelWork::AttentionFlopsOf(int64_t tokens) const {
  const double n = static_cast<double>(tokens);
  return 4 * n * n * static_cast<double>(channels) * static_cast<double>(blocks);
}

ModelWork ReadModelWork(const std::string& backbone_file) {
  const torch::jit::Module module = torch::jit::load(backbone_file);
  ModelWork work;
  for (const auto& parameter : module.named_parameters()) {
    const at::Tensor& weight = parameter.value;
    if (weight.dim() != 2 || !absl::EndsWith(parameter.name, ".weight")) continue;
    work.linears.emplace_back(weight.size(0), weight.size(1));
    work.bfloat16 = weight.scalar_type() == at::kBFloat16;
    if (!absl::EndsWith(parameter.name, "attn.qkv.weight")) continue;
    ++work.blocks;
    work.channels = weight.size(1);
  }
  return work;
}

bool ComputesInBfloat16(const ModelWork& work, c10::Device device) {
  return work.bfloat16 && (!device.is_cpu() || ops::HasBfloat16Units());
}

double MatmulCeiling(const ModelWork& work, int64_t rows, c10::Device device, int threads,
                     int repeats, double (*seconds)()) {
  const c10::InferenceMode inference;
  at::set_num_threads(threads);
  const auto options = at::TensorOptions(device).dtype(
      ComputesInBfloat16(work, device) ? at::kBFloat16 : at::kFloat);
  std::map<std::pair<int64_t, int64_t>, double> best;
  double total = 0;
  for (const auto& shape : work.linears) {
    const auto [it, is_new] = best.emplace(shape, 0.0);
    if (is_new)
      it->second = BestProduct(rows, shape.first, shape.second, options, repeats, seconds);
    total += it->second;
  }
  return work.LinearFlopsOf(rows) / total;
}

}  // namespace radio
