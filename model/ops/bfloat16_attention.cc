#include "model/ops/bfloat16_attention.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "model/ops/parallel.h"
#include "model/ops/softmax_tile.h"

namespace radio::ops {
namespace {

using c10::BFloat16;

// Keys of one tile: its scores (32 KB) stay in the first-level cache, with its weights in the
// second.
constexpr int64_t kKeys = 256;
// Blocks of queries that one task takes.
constexpr int64_t kBlocksPerTask = 8;

// The head `head` of a [T, heads, head_dim] tensor.
struct HeadView {
  HeadView(const at::Tensor& tensor, int64_t head)
      : data(tensor.const_data_ptr<BFloat16>() + head * tensor.stride(1)),
        stride(tensor.stride(0)) {}
  const BFloat16* Row(int64_t token) const { return data + token * stride; }

  const BFloat16* data;
  int64_t stride;
};

// One head of one segment.
struct Problem {
  HeadView queries;
  HeadView keys;
  HeadView values;
  BFloat16* packed_keys;
  BFloat16* packed_values;
  Segment segment;
  int64_t head_dim;
  float scale;
  // First value of the head in the output, and values from token to token.
  BFloat16* output;
  int64_t output_stride;
};

// Channels as the inner and as the outer side of a product.
int64_t InnerChannels(int64_t head_dim) { return RoundUp(head_dim, kInnerStep); }
int64_t OuterChannels(int64_t head_dim) { return RoundUp(head_dim, kPanelColumns); }
int64_t PaddedKeys(const Segment& segment) { return RoundUp(segment.length, kInnerStep); }

// Keys and values as the right sides of the two products; values tile by tile, since a tile's keys
// are an inner side.
void PackProblem(const Problem& p) {
  const int64_t begin = p.segment.begin;
  PackPanels(p.keys.Row(begin), p.keys.stride, p.segment.length, p.head_dim, p.packed_keys);
  for (int64_t key = 0; key < p.segment.length; key += kKeys) {
    PackRowsAsPanels(p.values.Row(begin + key), p.values.stride, p.head_dim,
                     std::min(kKeys, p.segment.length - key),
                     p.packed_values + key * OuterChannels(p.head_dim));
  }
}

// Memory of one thread for one block of queries.
struct Scratch {
  explicit Scratch(int64_t head_dim)
      : queries(static_cast<size_t>(kBlockRows * InnerChannels(head_dim))),
        scores(kBlockRows * kKeys),
        weights(kBlockRows * kKeys),
        output(static_cast<size_t>(kBlockRows * OuterChannels(head_dim))) {}
  std::vector<BFloat16> queries;
  std::vector<float> scores;
  std::vector<BFloat16> weights;
  std::vector<float> output;
  RowStates states;
};

// C = A B or C + A B for a right side of any number of panels.
void Multiply(const BlockUnit& unit, const BFloat16* a, const BFloat16* b, int64_t columns,
              int64_t inner, bool add, float* c) {
  for (int64_t n = 0; n < columns; n += 2 * kPanelColumns) {
    const int64_t panels = std::min<int64_t>(2, (columns - n) / kPanelColumns);
    unit.product({a, b + n * inner, panels, inner, add, c + n, columns});
  }
}

// Attention of queries [first, first + count) of the segment; count <= kBlockRows.
void AttendBlock(const Problem& p, const BlockUnit& unit, int64_t first, int64_t count,
                 Scratch* scratch) {
  const int64_t inner = InnerChannels(p.head_dim);
  const int64_t outer = OuterChannels(p.head_dim);
  PackBlock(p.queries.Row(p.segment.begin + first), p.queries.stride, count, p.head_dim,
            scratch->queries.data());
  std::fill(scratch->output.begin(), scratch->output.end(), 0.0f);
  scratch->states.largest.fill(-std::numeric_limits<float>::infinity());
  scratch->states.sum.fill(0.0f);
  for (int64_t key = 0; key < p.segment.length; key += kKeys) {
    const int64_t valid = std::min(kKeys, p.segment.length - key);
    const int64_t columns = RoundUp(valid, kInnerStep);
    Multiply(unit, scratch->queries.data(), p.packed_keys + key * inner, columns, inner,
             /*add=*/false, scratch->scores.data());
    SoftmaxTile({scratch->scores.data(), count, columns, valid, p.scale}, &scratch->states,
                scratch->output.data(), outer,
                reinterpret_cast<uint16_t*>(scratch->weights.data()));
    Multiply(unit, scratch->weights.data(), p.packed_values + key * outer, outer, columns,
             /*add=*/true, scratch->output.data());
  }
  BFloat16* target = p.output + (p.segment.begin + first) * p.output_stride;
  DivideRows(scratch->states, scratch->output.data(), count, outer, p.head_dim,
             reinterpret_cast<uint16_t*>(target), p.output_stride);
}

// Blocks of queries [first_block, first_block + kBlocksPerTask) of problem `problem`.
struct WorkItem {
  size_t problem;
  int64_t first_block;
};

std::vector<WorkItem> PlanWork(const std::vector<Problem>& problems) {
  std::vector<WorkItem> work;
  for (size_t i = 0; i < problems.size(); ++i) {
    const int64_t blocks = StepsOf(problems[i].segment.length, kBlockRows);
    for (int64_t b = 0; b < blocks; b += kBlocksPerTask) work.push_back({i, b});
  }
  return work;
}

void RunItem(const Problem& p, const BlockUnit& unit, int64_t first_block, Scratch* scratch) {
  const int64_t begin = first_block * kBlockRows;
  const int64_t end = std::min(begin + kBlocksPerTask * kBlockRows, p.segment.length);
  for (int64_t first = begin; first < end; first += kBlockRows) {
    AttendBlock(p, unit, first, std::min(kBlockRows, end - first), scratch);
  }
}

}  // namespace

void Bfloat16Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, double scale, const BlockUnit& unit,
                       const at::Tensor& output) {
  const int64_t heads = q.size(1);
  const int64_t head_dim = q.size(2);
  int64_t padded_tokens = 0;
  for (const Segment& s : segments) padded_tokens += PaddedKeys(s);
  const at::Tensor packed = at::empty(
      {padded_tokens * heads * (InnerChannels(head_dim) + OuterChannels(head_dim))}, q.options());
  BFloat16* memory = packed.mutable_data_ptr<BFloat16>();
  const auto take = [&memory](int64_t count) { return std::exchange(memory, memory + count); };

  std::vector<Problem> problems;
  for (const Segment& segment : segments) {
    for (int64_t head = 0; head < heads; ++head) {
      BFloat16* keys = take(PaddedKeys(segment) * InnerChannels(head_dim));
      BFloat16* values = take(PaddedKeys(segment) * OuterChannels(head_dim));
      problems.push_back({HeadView(q, head), HeadView(k, head), HeadView(v, head), keys, values,
                          segment, head_dim, static_cast<float>(scale),
                          output.mutable_data_ptr<BFloat16>() + head * head_dim, heads * head_dim});
    }
  }
  const auto count = static_cast<int64_t>(problems.size());
  TakeTasks(count, [&](const auto& next) {
    for (int64_t i = next(); i < count; i = next()) PackProblem(problems[static_cast<size_t>(i)]);
  });
  const std::vector<WorkItem> work = PlanWork(problems);
  const auto items = static_cast<int64_t>(work.size());
  TakeTasks(items, [&](const auto& next) {
    Scratch scratch(head_dim);
    unit.begin();
    for (int64_t i = next(); i < items; i = next()) {
      const WorkItem& item = work[static_cast<size_t>(i)];
      RunItem(problems[item.problem], unit, item.first_block, &scratch);
    }
    unit.end();
  });
}

}  // namespace radio::ops
