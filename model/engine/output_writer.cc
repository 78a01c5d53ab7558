#include "model/engine/output_writer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "model/engine/float_convert.h"
#include "model/errors.h"

namespace radio {
namespace {

// Rows that one step works on: small enough for the first-level cache at 1,280 channels, enough to
// write whole cache lines when rows become columns.
constexpr int64_t kTileRows = 16;
// Of tensors within the shared block, bytes.
constexpr size_t kAlignment = 64;

// One tensor on its way into an answer.
struct Block {
  const uint8_t* source = nullptr;
  DataType source_type = DataType::kFloat32;
  int64_t rows = 0;
  int64_t channels = 0;
  // [channels, rows] instead of [rows, channels].
  bool channels_first = false;
  bool l2_normalize = false;
  OutputTensor* tensor = nullptr;
  // Filled once the shared block is allocated.
  uint8_t* target = nullptr;
  size_t image = 0;
  absl::string_view adaptor;

  size_t byte_size() const {
    return static_cast<size_t>(rows * channels) * ElementSize(tensor->data_type);
  }
};

Block MakeBlock(const RowMatrix& matrix, int64_t first_row, int64_t rows,
                const OutputRequest& request, OutputTensor* tensor) {
  tensor->data_type = request.data_type;
  Block block;
  block.source = static_cast<const uint8_t*>(matrix.data) +
                 static_cast<size_t>(first_row * matrix.channels) * ElementSize(matrix.data_type);
  block.source_type = matrix.data_type;
  block.rows = rows;
  block.channels = matrix.channels;
  block.l2_normalize = request.l2_normalize;
  block.tensor = tensor;
  return block;
}

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

// Adds the tensors of image `index`; `outputs` has one entry per request.
void PlanImage(const ModelSpec& spec, const BatchItem& item, size_t index,
               absl::Span<const ComputedOutput> computed, ItemOutputs* outputs,
               std::vector<Block>* blocks) {
  for (size_t r = 0; r < item.outputs->size(); ++r) {
    const OutputRequest& request = (*item.outputs)[r];
    const AdaptorSpec& adaptor = spec.outputs[static_cast<size_t>(request.adaptor)];
    const ComputedOutput& source = computed[static_cast<size_t>(request.adaptor)];
    Output& output = (*outputs)[r];
    const size_t first_block = blocks->size();
    if (request.summary) {
      OutputTensor& tensor = output.summary.emplace();
      blocks->push_back(MakeBlock(source.summary, source.summary_row[index], 1, request, &tensor));
      tensor.shape = {source.summary.channels};
    }
    if (request.features) {
      Size grid = spec.GridOf(item.image->size);
      grid = {grid.height * adaptor.upsample_factor, grid.width * adaptor.upsample_factor};
      OutputTensor& tensor = output.features.emplace();
      blocks->push_back(MakeBlock(source.features, source.feature_row[index],
                                  int64_t{grid.height} * grid.width, request, &tensor));
      blocks->back().channels_first = request.layout == FeatureLayout::kNchw;
      tensor.shape = FeatureShape(request.layout, grid, source.features.channels);
    }
    for (size_t b = first_block; b < blocks->size(); ++b) {
      (*blocks)[b].image = index;
      (*blocks)[b].adaptor = adaptor.name;
    }
  }
}

// Gives every block its place in one allocation, which all their tensors share.
void Allocate(std::vector<Block>* blocks) {
  const auto padded = [](size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  };
  size_t total = kAlignment;
  for (const Block& block : *blocks) total += padded(block.byte_size());
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, total));
  if (memory == nullptr) throw std::bad_alloc();
  const std::shared_ptr<const void> owner(memory, &std::free);
  for (Block& block : *blocks) {
    block.target = memory;
    block.tensor->data = {owner, absl::MakeConstSpan(memory, block.byte_size())};
    memory += padded(block.byte_size());
  }
}

void Normalize(float* row, int64_t channels) {
  // Eight partial sums: independent of each other, and more exact than one.
  std::array<float, 8> sums{};
  for (int64_t c = 0; c < channels; ++c) sums[static_cast<size_t>(c % 8)] += row[c] * row[c];
  const float sum = std::accumulate(sums.begin(), sums.end(), 0.0f);
  const float scale = sum > 0.0f ? 1.0f / std::sqrt(sum) : 1.0f;
  for (int64_t c = 0; c < channels; ++c) row[c] *= scale;
}

// Writes rows [begin, begin + rows); `tile` is scratch. False when a value is not finite.
bool WriteTile(const Block& block, int64_t begin, int64_t rows, std::vector<float>* tile) {
  const int64_t channels = block.channels;
  const DataType type = block.tensor->data_type;
  const int64_t element = static_cast<int64_t>(ElementSize(type));
  const int64_t source_bytes = channels * static_cast<int64_t>(ElementSize(block.source_type));
  tile->resize(static_cast<size_t>(kTileRows * (channels + 1)));
  float* values = tile->data();
  LoadFloats(block.source + begin * source_bytes, block.source_type, rows * channels, values);
  if (block.l2_normalize) {
    for (int64_t r = 0; r < rows; ++r) Normalize(values + r * channels, channels);
  }
  if (!block.channels_first) {
    return StoreFloats(values, rows * channels, type, block.target + begin * channels * element);
  }
  bool finite = true;
  float* column = values + kTileRows * channels;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t r = 0; r < rows; ++r) column[r] = values[r * channels + c];
    finite &= StoreFloats(column, rows, type, block.target + (c * block.rows + begin) * element);
  }
  return finite;
}

// A tile of a block.
struct Step {
  const Block* block;
  int64_t begin;
  int64_t rows;
};

std::vector<Step> PlanSteps(const std::vector<Block>& blocks) {
  std::vector<Step> steps;
  for (const Block& block : blocks) {
    for (int64_t begin = 0; begin < block.rows; begin += kTileRows) {
      steps.push_back({&block, begin, std::min(kTileRows, block.rows - begin)});
    }
  }
  return steps;
}

absl::Status NonFinite(const Block& block) {
  return MakeError(Reason::kNonFiniteOutput,
                   absl::StrCat("output of ", block.adaptor, " holds NaN, infinity or a value ",
                                "beyond the range of the data type asked for"));
}

}  // namespace

std::vector<absl::StatusOr<ItemOutputs>> WriteOutputs(const ModelSpec& spec,
                                                      absl::Span<const BatchItem> batch,
                                                      absl::Span<const ComputedOutput> computed,
                                                      ParallelFor parallel_for) {
  std::vector<absl::StatusOr<ItemOutputs>> results;
  results.reserve(batch.size());
  std::vector<Block> blocks;
  for (size_t i = 0; i < batch.size(); ++i) {
    results.emplace_back(ItemOutputs(batch[i].outputs->size()));
    PlanImage(spec, batch[i], i, computed, &*results.back(), &blocks);
  }
  Allocate(&blocks);

  const std::vector<Step> steps = PlanSteps(blocks);
  std::vector<std::atomic<bool>> broken(blocks.size());
  parallel_for(static_cast<int64_t>(steps.size()), [&](int64_t begin, int64_t end) {
    std::vector<float> tile;
    for (int64_t s = begin; s < end; ++s) {
      const Step& step = steps[static_cast<size_t>(s)];
      if (WriteTile(*step.block, step.begin, step.rows, &tile)) continue;
      broken[static_cast<size_t>(step.block - blocks.data())].store(true);
    }
  });
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (broken[b].load()) results[blocks[b].image] = NonFinite(blocks[b]);
  }
  return results;
}

}  // namespace radio
