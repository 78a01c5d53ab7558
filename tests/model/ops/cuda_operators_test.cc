// The CUDA operators: that they load anywhere, and that on a GPU they compute what the CPU
// computes.
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <vector>

#include "model/engine/torch/cuda_support.h"
#include "model/ops/operators.h"
#include "model/ops/output_segments.h"

namespace radio::ops {
namespace {

template <typename Signature>
auto Find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

TEST(CudaOperatorsTest, KernelsAreRegisteredWithOrWithoutADevice) {
  const absl::StatusOr<std::string> device = LoadCuda("cuda:0");
  if (!device.ok() && device.status().message().find("usable CUDA devices") == std::string::npos) {
    GTEST_SKIP() << "built or installed without CUDA: " << device.status();
  }
  for (const char* name :
       {"radio::patchify", "radio::position_embedding", "radio::varlen_attention", "radio::linear",
        "radio::add_layer_norm_", "radio::gather_outputs", "aten::_flash_attention_forward"}) {
    const c10::OperatorHandle op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
    EXPECT_TRUE(op.hasKernelForDispatchKey(c10::DispatchKey::CUDA)) << name;
  }
}

// Everything below needs a GPU.
class OnCudaTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> device = LoadCuda("cuda:0");
    if (!device.ok()) GTEST_SKIP() << device.status();
  }
};

TEST_F(OnCudaTest, Patchify) {
  const std::vector<at::Tensor> images = {
      at::randint(0, 256, {48, 32, 3}, at::kByte).permute({2, 0, 1}), at::rand({3, 16, 64})};
  std::vector<at::Tensor> uploaded;
  for (const at::Tensor& image : images) uploaded.push_back(image.to(at::kCUDA));
  c10::List<bool> conditioned;
  conditioned.push_back(false);
  conditioned.push_back(true);
  const at::Tensor mean = at::tensor({0.5f, 0.4f, 0.3f});
  const at::Tensor std = at::tensor({0.3f, 0.2f, 0.25f});
  const auto op = Find<at::Tensor(at::TensorList, const c10::List<bool>&, const at::Tensor&,
                                  const at::Tensor&, int64_t, at::ScalarType)>("radio::patchify");
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor expected = Patchify(images, conditioned, mean, std, 16, type);
    const at::Tensor actual =
        op.call(uploaded, conditioned, mean.to(at::kCUDA), std.to(at::kCUDA), 16, type);
    EXPECT_TRUE(at::allclose(actual.cpu().to(at::kFloat), expected.to(at::kFloat), 1e-2, 1e-5));
  }
}

TEST_F(OnCudaTest, PositionEmbedding) {
  const auto op = Find<at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, bool)>(
      "radio::position_embedding");
  const at::Tensor table = at::randn({9, 9, 40});
  for (const bool align_corners : {false, true}) {
    const at::Tensor expected = PositionEmbedding(table, {3, 9, 12}, {5, 9, 7}, align_corners);
    const at::Tensor actual = op.call(table.to(at::kCUDA), {3, 9, 12}, {5, 9, 7}, align_corners);
    EXPECT_TRUE(at::allclose(actual.cpu(), expected, 1e-5, 1e-5));
  }
}

TEST_F(OnCudaTest, VarlenAttention) {
  const auto op = Find<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                  const at::Tensor&, int64_t, double)>("radio::varlen_attention");
  const at::Tensor cu_seqlens = at::tensor({0, 7, 8, 150, 300}, at::kInt);
  const at::Tensor qkv = at::randn({300, 3, 2, 80});
  const at::Tensor expected =
      VarlenAttention(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), cu_seqlens, 150, 0.1);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor device_qkv = qkv.to(at::kCUDA).to(type);
    const at::Tensor actual = op.call(device_qkv.select(1, 0), device_qkv.select(1, 1),
                                      device_qkv.select(1, 2), cu_seqlens.to(at::kCUDA), 150, 0.1);
    const double tolerance = type == at::kFloat ? 2e-3 : 3e-2;
    EXPECT_TRUE(at::allclose(actual.cpu().to(at::kFloat), expected, tolerance, tolerance));
  }
}

TEST_F(OnCudaTest, Linear) {
  const auto op =
      Find<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                      const std::optional<at::Tensor>&, std::string_view)>("radio::linear");
  // Rows of vectors, and rows that are none.
  for (const int64_t columns : {32, 33}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
      const auto randn = [&](at::IntArrayRef sizes) {
        return at::randn(sizes).to(type).to(at::kFloat);
      };
      const at::Tensor input = randn({50, 64});
      const at::Tensor weight = randn({columns, 64});
      for (int options = 0; options < 8; ++options) {
        std::optional<at::Tensor> bias;
        std::optional<at::Tensor> residual;
        if ((options & 1) != 0) bias = randn({columns});
        if ((options & 2) != 0) residual = randn({50, columns});
        const char* activation = (options & 4) != 0 ? "gelu" : "none";
        const auto upload = [&](const std::optional<at::Tensor>& tensor) {
          return tensor ? std::optional(tensor->to(at::kCUDA).to(type)) : std::nullopt;
        };
        const at::Tensor expected = Linear(input, weight, bias, residual, activation);
        const at::Tensor actual =
            op.call(*upload(input), *upload(weight), upload(bias), upload(residual), activation);
        EXPECT_EQ(actual.scalar_type(), type);
        const double tolerance = type == at::kFloat ? 1e-3 : 5e-2;
        EXPECT_TRUE(at::allclose(actual.cpu().to(at::kFloat), expected, tolerance, tolerance))
            << columns << " columns of " << type << ", options " << options;
      }
    }
  }
}

TEST_F(OnCudaTest, AddLayerNorm) {
  const auto op =
      Find<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&, const at::Tensor&,
                      const at::Tensor&, double, at::ScalarType)>("radio::add_layer_norm_");
  for (const int64_t channels : {40, 768, 1280, 1407}) {
    const at::Tensor weight = at::randn({channels});
    const at::Tensor bias = at::randn({channels});
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor residual = at::randn({77, channels}) * 30 + 5;
      const at::Tensor device_residual = residual.to(at::kCUDA);
      const at::Tensor addend = at::randn({77, channels}).to(type);
      for (const bool add : {false, true}) {
        std::optional<at::Tensor> ours;
        std::optional<at::Tensor> theirs;
        if (add) ours = addend, theirs = addend.to(at::kCUDA);
        const at::Tensor expected = AddLayerNorm(residual, ours, weight, bias, 1e-6, type);
        const at::Tensor actual =
            op.call(device_residual, theirs, weight.to(at::kCUDA), bias.to(at::kCUDA), 1e-6, type);
        EXPECT_TRUE(at::allclose(actual.cpu().to(at::kFloat), expected.to(at::kFloat), 1e-2, 1e-4));
        EXPECT_TRUE(device_residual.cpu().equal(residual));
      }
    }
  }
}

TEST_F(OnCudaTest, GatherOutputs) {
  const auto op =
      Find<at::Tensor(at::TensorList, at::IntArrayRef, int64_t)>("radio::gather_outputs");
  at::Tensor tokens = at::randn({300, 100});
  tokens[299][99] = 1e30f;
  for (const at::ScalarType source : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const std::vector<at::Tensor> sources = {tokens.to(source), at::randn({3, 129}).to(source)};
    const std::vector<at::Tensor> uploaded = {sources[0].to(at::kCUDA), sources[1].to(at::kCUDA)};
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
      for (const bool l2_normalize : {false, true}) {
        std::vector<int64_t> plan;
        int64_t bytes = 0;
        const auto add = [&](int64_t from, int64_t first_row, int64_t rows, bool channels_first) {
          AppendSegment({from, first_row, rows, bytes, type, channels_first, l2_normalize}, &plan);
          bytes += rows * (from == 0 ? 100 : 129) * static_cast<int64_t>(c10::elementSize(type));
        };
        add(0, 0, 1, false);
        add(0, 7, 65, true);
        add(1, 1, 1, false);
        add(0, 72, 228, false);
        add(0, 200, 99, true);
        const at::Tensor expected = GatherOutputs(sources, plan, bytes);
        const at::Tensor actual = op.call(uploaded, plan, bytes).cpu();
        EXPECT_TRUE(actual.narrow(0, bytes, 5).equal(expected.narrow(0, bytes, 5)));
        if (!l2_normalize) {
          EXPECT_TRUE(actual.equal(expected)) << source << " to " << type;
        }
        const auto values = [&](const at::Tensor& slab) {
          return slab.narrow(0, 0, bytes).view(type).to(at::kFloat);
        };
        EXPECT_TRUE(at::allclose(values(actual), values(expected), 1e-2, 1e-5))
            << source << " to " << type;
      }
    }
  }
}

TEST(LoadCudaTest, RefusesNamesThatAreNoDevice) {
  for (const char* name : {"cuda", "cuda:", "cuda:-1", "cuda:x", "gpu:0", ""}) {
    EXPECT_EQ(LoadCuda(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace radio::ops
