// Which rows of what a model computed for a batch go where in its answers.
#ifndef RADIO_MODEL_ENGINE_OUTPUT_PLAN_H_
#define RADIO_MODEL_ENGINE_OUTPUT_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"

namespace radio {

// Of tensors within the memory that a batch's answers share, and of that memory; bytes.
inline constexpr size_t kOutputAlignment = 64;

// Rows of a float type, one after the other in memory of the host or of a device: [rows, channels].
struct RowMatrix {
  const void* data = nullptr;
  DataType data_type = DataType::kFloat32;
  int64_t channels = 0;
};

// What one output of the spec (the backbone or an adaptor) computed for a batch.
struct ComputedOutput {
  RowMatrix summary;
  RowMatrix features;
  // Per image of the batch: its row of `summary`, and its first row of `features`. Images that did
  // not ask may hold anything.
  std::vector<int64_t> summary_row;
  std::vector<int64_t> feature_row;
};

// One tensor on its way into an answer.
struct OutputBlock {
  // Which matrix: of this output of the spec, the features or else the summary.
  size_t output = 0;
  bool features = false;
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t channels = 0;
  // Of the answer.
  DataType data_type = DataType::kFloat32;
  // [channels, rows] instead of [rows, channels].
  bool channels_first = false;
  bool l2_normalize = false;
  // First byte within the memory that all tensors of the batch share; of kOutputAlignment.
  size_t offset = 0;
  std::vector<int64_t> shape;
  // Whose it is: the image of the batch, and which of its requests.
  size_t image = 0;
  size_t request = 0;

  const RowMatrix& SourceIn(absl::Span<const ComputedOutput> computed) const {
    return features ? computed[output].features : computed[output].summary;
  }
  size_t byte_size() const { return static_cast<size_t>(rows * channels) * ElementSize(data_type); }
};

// `spec` and `batch` must outlive the plan. Immutable.
class OutputPlan {
 public:
  // computed[i] belongs to spec.outputs[i].
  OutputPlan(const ModelSpec& spec, absl::Span<const BatchItem> batch,
             absl::Span<const ComputedOutput> computed);

  const std::vector<OutputBlock>& blocks() const { return blocks_; }
  // Of the memory that all blocks lie in.
  size_t bytes() const { return bytes_; }

  // One result per image, once all blocks are written to `memory`, which `owner` keeps alive. An
  // image has NON_FINITE_OUTPUT instead if non_finite(b) of one of its blocks.
  std::vector<absl::StatusOr<ItemOutputs>> Answers(
      const std::shared_ptr<const void>& owner, const uint8_t* memory,
      absl::FunctionRef<bool(size_t block)> non_finite) const;

 private:
  void AddImage(size_t image, absl::Span<const ComputedOutput> computed);
  void AddBlock(OutputBlock block);

  const ModelSpec& spec_;
  const absl::Span<const BatchItem> batch_;
  std::vector<OutputBlock> blocks_;
  size_t bytes_ = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_OUTPUT_PLAN_H_
