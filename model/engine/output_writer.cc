#include "model/engine/output_writer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <numeric>

#include "model/engine/float_convert.h"

namespace radio {
namespace {

// Rows that one step works on: small enough for the first-level cache at 1,280 channels, enough to
// write whole cache lines when rows become columns.
constexpr int64_t kTileRows = 16;

std::shared_ptr<uint8_t> Allocate(size_t bytes) {
  const size_t padded = (bytes + kOutputAlignment) / kOutputAlignment * kOutputAlignment;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kOutputAlignment, padded));
  if (memory == nullptr) throw std::bad_alloc();
  return {memory, &std::free};
}

void Normalize(float* row, int64_t channels) {
  // Eight partial sums: independent of each other, and more exact than one.
  std::array<float, 8> sums{};
  for (int64_t c = 0; c < channels; ++c) sums[static_cast<size_t>(c % 8)] += row[c] * row[c];
  const float sum = std::accumulate(sums.begin(), sums.end(), 0.0f);
  const float scale = sum > 0.0f ? 1.0f / std::sqrt(sum) : 1.0f;
  for (int64_t c = 0; c < channels; ++c) row[c] *= scale;
}

// Writes rows [begin, begin + rows) of `source` to the block, which begins at `target`; `tile` is
// scratch. False when a value is not finite.
bool WriteTile(const OutputBlock& block, const RowMatrix& source, int64_t begin, int64_t rows,
               uint8_t* target, std::vector<float>* tile) {
  const int64_t channels = block.channels;
  const int64_t element = static_cast<int64_t>(ElementSize(block.data_type));
  const int64_t source_bytes = channels * static_cast<int64_t>(ElementSize(source.data_type));
  tile->resize(static_cast<size_t>(kTileRows * (channels + 1)));
  float* values = tile->data();
  LoadFloats(static_cast<const uint8_t*>(source.data) + (block.first_row + begin) * source_bytes,
             source.data_type, rows * channels, values);
  if (block.l2_normalize) {
    for (int64_t r = 0; r < rows; ++r) Normalize(values + r * channels, channels);
  }
  if (!block.channels_first) {
    return StoreFloats(values, rows * channels, block.data_type,
                       target + begin * channels * element);
  }
  bool finite = true;
  float* column = values + kTileRows * channels;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t r = 0; r < rows; ++r) column[r] = values[r * channels + c];
    finite &=
        StoreFloats(column, rows, block.data_type, target + (c * block.rows + begin) * element);
  }
  return finite;
}

// A tile of a block.
struct Step {
  size_t block;
  int64_t begin;
  int64_t rows;
};

std::vector<Step> PlanSteps(const std::vector<OutputBlock>& blocks) {
  std::vector<Step> steps;
  for (size_t b = 0; b < blocks.size(); ++b) {
    for (int64_t begin = 0; begin < blocks[b].rows; begin += kTileRows) {
      steps.push_back({b, begin, std::min(kTileRows, blocks[b].rows - begin)});
    }
  }
  return steps;
}

}  // namespace

std::vector<absl::StatusOr<ItemOutputs>> WriteOutputs(const ModelSpec& spec,
                                                      absl::Span<const BatchItem> batch,
                                                      absl::Span<const ComputedOutput> computed,
                                                      ParallelFor parallel_for) {
  const OutputPlan plan(spec, batch, computed);
  const std::shared_ptr<uint8_t> memory = Allocate(plan.bytes());
  const std::vector<Step> steps = PlanSteps(plan.blocks());
  std::vector<std::atomic<bool>> non_finite(plan.blocks().size());
  parallel_for(static_cast<int64_t>(steps.size()), [&](int64_t begin, int64_t end) {
    std::vector<float> tile;
    for (int64_t s = begin; s < end; ++s) {
      const Step& step = steps[static_cast<size_t>(s)];
      const OutputBlock& block = plan.blocks()[step.block];
      if (!WriteTile(block, block.SourceIn(computed), step.begin, step.rows,
                     memory.get() + block.offset, &tile)) {
        non_finite[step.block].store(true);
      }
    }
  });
  return plan.Answers(memory, memory.get(), [&](size_t b) { return non_finite[b].load(); });
}

}  // namespace radio
