#include "model/engine/torch/batch_computation.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <string>

namespace radio {
namespace {

using Images = std::vector<int64_t>;

// Indices of the images that ask for the summary (or the features) of output `output`.
Images Wanting(absl::Span<const BatchItem> batch, size_t output, bool OutputRequest::*part) {
  Images images;
  for (size_t i = 0; i < batch.size(); ++i) {
    for (const OutputRequest& request : *batch[i].outputs) {
      if (static_cast<size_t>(request.adaptor) != output || !(request.*part)) continue;
      images.push_back(static_cast<int64_t>(i));
      break;
    }
  }
  return images;
}

// A forward pass over one batch.
class Pass {
 public:
  Pass(TorchModel* model, const ModelSpec& spec, absl::Span<const BatchItem> batch,
       const std::vector<at::Tensor>& images)
      : model_(model), spec_(spec), batch_(batch), images_(images) {
    result_.outputs.resize(spec.outputs.size());
    result_.tensors.resize(spec.outputs.size());
    first_token_.push_back(0);
    for (const BatchItem& item : batch) {
      const Size grid = spec.GridOf(item.image->size);
      grids_.push_back(grid);
      first_token_.push_back(first_token_.back() + int64_t{grid.height} * grid.width);
    }
  }

  BatchResult Run() {
    RunBackbone();
    for (size_t output = 0; output < spec_.outputs.size(); ++output) {
      ComputeSummary(output, Wanting(batch_, output, &OutputRequest::summary));
      ComputeFeatures(output, Wanting(batch_, output, &OutputRequest::features));
    }
    return std::move(result_);
  }

 private:
  void RunBackbone() {
    std::vector<bool> conditioned;
    for (const BatchItem& item : batch_) conditioned.push_back(item.image->conditioned);
    tokens_ = model_->Backbone(images_, conditioned);
    const int64_t channels = spec_.outputs[0].feature_dim;
    CheckShape("backbone prefix", tokens_.prefix,
               {static_cast<int64_t>(batch_.size()), spec_.num_prefix_tokens, channels});
    CheckShape("backbone features", tokens_.features, {first_token_.back(), channels});
  }

  void ComputeSummary(size_t output, const Images& images) {
    if (images.empty()) return;
    const at::Tensor prefix = images.size() == batch_.size()
                                  ? tokens_.prefix
                                  : tokens_.prefix.index_select(0, IndexTensor(images));
    const at::Tensor summary =
        output == 0 ? prefix.index_select(1, IndexTensor(SummaryIndices())).flatten(1)
                    : model_->Summary(output - 1, prefix);
    const AdaptorSpec& spec = spec_.outputs[output];
    CheckShape(spec.name + " summary", summary,
               {static_cast<int64_t>(images.size()), spec.summary_dim});
    ComputedOutput& computed = result_.outputs[output];
    computed.summary = Keep(summary, &result_.tensors[output].summary);
    computed.summary_row.assign(batch_.size(), 0);
    for (size_t row = 0; row < images.size(); ++row) {
      computed.summary_row[static_cast<size_t>(images[row])] = static_cast<int64_t>(row);
    }
  }

  void ComputeFeatures(size_t output, const Images& images) {
    if (images.empty()) return;
    ComputedOutput& computed = result_.outputs[output];
    at::Tensor* const kept = &result_.tensors[output].features;
    if (output == 0) {
      computed.features = Keep(tokens_.features, kept);
      computed.feature_row.assign(first_token_.begin(), first_token_.end() - 1);
      return;
    }
    const at::Tensor tokens = TokensOf(images);
    const at::Tensor features = model_->Features(output - 1, tokens, GridTensor(images));
    const AdaptorSpec& spec = spec_.outputs[output];
    const int64_t per_token = int64_t{spec.upsample_factor} * spec.upsample_factor;
    CheckShape(spec.name + " features", features, {tokens.size(0) * per_token, spec.feature_dim});
    computed.features = Keep(features, kept);
    computed.feature_row.assign(batch_.size(), 0);
    int64_t row = 0;
    for (const int64_t image : images) {
      computed.feature_row[static_cast<size_t>(image)] = row;
      row += TokenCount(image) * per_token;
    }
  }

  // The backbone's features of these images only.
  at::Tensor TokensOf(const Images& images) const {
    if (images.size() == batch_.size()) return tokens_.features;
    std::vector<at::Tensor> parts;
    for (const int64_t image : images) {
      parts.push_back(
          tokens_.features.narrow(0, first_token_[static_cast<size_t>(image)], TokenCount(image)));
    }
    return parts.size() == 1 ? parts[0] : at::cat(parts);
  }

  at::Tensor GridTensor(const Images& images) const {
    std::vector<int64_t> sides;
    for (const int64_t image : images) {
      const Size grid = grids_[static_cast<size_t>(image)];
      sides.insert(sides.end(), {grid.height, grid.width});
    }
    return at::tensor(sides, at::TensorOptions().dtype(c10::kLong)).view({-1, 2});
  }

  // On the model's device. From pinned memory: no copy that the host waits for, and with it for all
  // that was computed before.
  at::Tensor IndexTensor(const std::vector<int64_t>& indices) const {
    const c10::Device device = images_[0].device();
    const at::Tensor host = at::tensor(indices, at::TensorOptions().dtype(c10::kLong));
    return device.is_cpu() ? host : host.pin_memory().to(device, /*non_blocking=*/true);
  }

  std::vector<int64_t> SummaryIndices() const {
    return {spec_.summary_indices.begin(), spec_.summary_indices.end()};
  }

  int64_t TokenCount(int64_t image) const {
    const size_t i = static_cast<size_t>(image);
    return first_token_[i + 1] - first_token_[i];
  }

  static void CheckShape(const std::string& name, const at::Tensor& tensor,
                         const std::vector<int64_t>& expected) {
    TORCH_CHECK(tensor.sizes() == at::IntArrayRef(expected), name, " must be ",
                at::IntArrayRef(expected), ", the module returned ", tensor.sizes());
  }

  // Makes `tensor` what answers are written from: copies only what is not contiguous, or of another
  // type.
  static RowMatrix Keep(const at::Tensor& tensor, at::Tensor* kept) {
    *kept = tensor.contiguous();
    RowMatrix matrix;
    matrix.channels = kept->size(1);
    if (kept->scalar_type() == c10::kBFloat16) {
      matrix.data_type = DataType::kBfloat16;
    } else if (kept->scalar_type() == c10::kHalf) {
      matrix.data_type = DataType::kFloat16;
    } else {
      *kept = kept->to(c10::kFloat);
    }
    matrix.data = kept->const_data_ptr();
    return matrix;
  }

  TorchModel* const model_;
  const ModelSpec& spec_;
  const absl::Span<const BatchItem> batch_;
  const std::vector<at::Tensor>& images_;
  std::vector<Size> grids_;
  // First token of each image among the packed features; the last entry is their total.
  std::vector<int64_t> first_token_;
  TorchModel::Tokens tokens_;
  BatchResult result_;
};

}  // namespace

BatchResult ComputeBatch(TorchModel* model, const ModelSpec& spec,
                         absl::Span<const BatchItem> batch, const std::vector<at::Tensor>& images) {
  return Pass(model, spec, batch, images).Run();
}

}  // namespace radio
