#include "model/engine/output_plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio {
namespace {

std::vector<int64_t> FeatureShape(FeatureLayout layout, Size grid, int64_t channels) {
  switch (layout) {
    case FeatureLayout::kNhwc:
      return {grid.height, grid.width, channels};
    case FeatureLayout::kNchw:
      return {channels, grid.height, grid.width};
    default:
      return {int64_t{grid.height} * grid.width, channels};
  }
}

absl::Status NonFinite(const AdaptorSpec& adaptor) {
  return MakeError(Reason::kNonFiniteOutput,
                   absl::StrCat("output of ", adaptor.name, " holds NaN, infinity or a value ",
                                "beyond the range of the data type asked for"));
}

}  // namespace

OutputPlan::OutputPlan(const ModelSpec& spec, absl::Span<const BatchItem> batch,
                       absl::Span<const ComputedOutput> computed)
    : spec_(spec), batch_(batch) {
  for (size_t image = 0; image < batch.size(); ++image) AddImage(image, computed);
}

void OutputPlan::AddImage(size_t image, absl::Span<const ComputedOutput> computed) {
  const std::vector<OutputRequest>& requests = *batch_[image].outputs;
  for (size_t r = 0; r < requests.size(); ++r) {
    const OutputRequest& request = requests[r];
    OutputBlock block;
    block.output = static_cast<size_t>(request.adaptor);
    block.data_type = request.data_type;
    block.l2_normalize = request.l2_normalize;
    block.image = image;
    block.request = r;
    const ComputedOutput& source = computed[block.output];
    if (request.summary) {
      block.first_row = source.summary_row[image];
      block.rows = 1;
      block.channels = source.summary.channels;
      block.shape = {block.channels};
      AddBlock(block);
    }
    if (request.features) {
      const int factor = spec_.outputs[block.output].upsample_factor;
      Size grid = spec_.GridOf(batch_[image].image->size);
      grid = {grid.height * factor, grid.width * factor};
      block.features = true;
      block.first_row = source.feature_row[image];
      block.rows = int64_t{grid.height} * grid.width;
      block.channels = source.features.channels;
      block.channels_first = request.layout == FeatureLayout::kNchw;
      block.shape = FeatureShape(request.layout, grid, block.channels);
      AddBlock(block);
    }
  }
}

void OutputPlan::AddBlock(OutputBlock block) {
  block.offset = bytes_;
  bytes_ += (block.byte_size() + kOutputAlignment - 1) / kOutputAlignment * kOutputAlignment;
  blocks_.push_back(std::move(block));
}

std::vector<absl::StatusOr<ItemOutputs>> OutputPlan::Answers(
    const std::shared_ptr<const void>& owner, const uint8_t* memory,
    absl::FunctionRef<bool(size_t block)> non_finite) const {
  std::vector<absl::StatusOr<ItemOutputs>> answers;
  answers.reserve(batch_.size());
  for (const BatchItem& item : batch_) answers.emplace_back(ItemOutputs(item.outputs->size()));
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const OutputBlock& block = blocks_[b];
    absl::StatusOr<ItemOutputs>& answer = answers[block.image];
    if (non_finite(b)) answer = NonFinite(spec_.outputs[block.output]);
    if (!answer.ok()) continue;
    Output& output = (*answer)[block.request];
    OutputTensor& tensor = block.features ? output.features.emplace() : output.summary.emplace();
    tensor.data_type = block.data_type;
    tensor.shape = block.shape;
    tensor.data = {owner, absl::MakeConstSpan(memory + block.offset, block.byte_size())};
  }
  return answers;
}

}  // namespace radio
