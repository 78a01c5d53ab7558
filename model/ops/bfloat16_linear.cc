#include "model/ops/bfloat16_linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "model/ops/linear_tile.h"
#include "model/ops/parallel.h"

namespace radio::ops {
namespace {

using c10::BFloat16;

// Columns of one product.
constexpr int64_t kColumns = 2 * kPanelColumns;
// Input of one task: what the second-level cache holds beside the weight's columns that pass by.
constexpr int64_t kTaskBytes = 1 << 20;
// Weight that passes by each block of the input at once: the columns of a few products, so that a
// row's output is written a few cache lines at a time, for which the memory is quicker.
constexpr int64_t kGroupBytes = 384 << 10;
// So many rows that memory can follow: each reads the whole weight.
constexpr int64_t kLeastBlocks = 4;
// So many that no thread waits long for the last; if there are fewer, columns are divided too.
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kLeastTasksPerThread = 2;

const uint16_t* Bits(const BFloat16* values) { return reinterpret_cast<const uint16_t*>(values); }
uint16_t* Bits(BFloat16* values) { return reinterpret_cast<uint16_t*>(values); }

struct Problem {
  int64_t rows, inputs, outputs;
  const BFloat16* input;
  const BFloat16* weight;
  const float* bias;
  const BFloat16* residual;
  bool gelu;
  const BlockUnit* unit;
  BFloat16* output;
};

int64_t InnerOf(const Problem& p) { return RoundUp(p.inputs, kInnerStep); }

// How the output is cut into tasks, row group by row group.
struct Plan {
  Plan(const Problem& p, int64_t threads) {
    const int64_t row_bytes = InnerOf(p) * static_cast<int64_t>(sizeof(BFloat16));
    const int64_t blocks = StepsOf(p.rows, kBlockRows);
    const int64_t most_groups =
        std::max(kTasksPerThread * threads, StepsOf(blocks * kBlockRows * row_bytes, kTaskBytes));
    rows = kBlockRows * std::max(std::min(kLeastBlocks, blocks), StepsOf(blocks, most_groups));
    row_groups = StepsOf(p.rows, rows);
    const int64_t pairs = StepsOf(p.outputs, kColumns);
    const int64_t wanted = StepsOf(kLeastTasksPerThread * threads, row_groups);
    columns = kColumns * StepsOf(pairs, std::min(wanted, pairs));
    column_groups = StepsOf(p.outputs, columns);
    group = kColumns * std::max<int64_t>(1, kGroupBytes / (kColumns * row_bytes));
  }
  // Of one task.
  int64_t rows, columns;
  // Columns of a task that pass by a block at once.
  int64_t group;
  int64_t row_groups, column_groups;
};

// Of the output: `rows` rows from `row` on, two panels of columns from `column` on.
void ComputeBlock(const Problem& p, const BFloat16* block, int64_t row, int64_t rows,
                  int64_t column) {
  const int64_t columns = std::min(kColumns, p.outputs - column);
  alignas(64) float sums[kBlockRows * kColumns];
  p.unit->product({block, p.weight + column * InnerOf(p), columns / kPanelColumns, InnerOf(p),
                   /*add=*/false, sums, columns});
  const int64_t offset = row * p.outputs + column;
  const uint16_t* residual = p.residual == nullptr ? nullptr : Bits(p.residual + offset);
  FinishTile({sums, rows, columns}, p.bias + column, p.gelu, {residual, p.outputs},
             {Bits(p.output + offset), p.outputs});
}

// `packed`: memory for the rows of a task.
void RunTask(const Problem& p, const Plan& plan, int64_t task, BFloat16* packed) {
  const int64_t size = kBlockRows * InnerOf(p);
  const int64_t begin = task / plan.column_groups * plan.rows;
  const int64_t end = std::min(begin + plan.rows, p.rows);
  BFloat16* block = packed;
  for (int64_t row = begin; row < end; row += kBlockRows, block += size) {
    PackBlock(p.input + row * p.inputs, p.inputs, std::min(kBlockRows, end - row), p.inputs, block);
  }
  const int64_t first_column = task % plan.column_groups * plan.columns;
  const int64_t last_column = std::min(first_column + plan.columns, p.outputs);
  for (int64_t group = first_column; group < last_column; group += plan.group) {
    const int64_t group_end = std::min(group + plan.group, last_column);
    block = packed;
    for (int64_t row = begin; row < end; row += kBlockRows, block += size) {
      for (int64_t column = group; column < group_end; column += kColumns) {
        ComputeBlock(p, block, row, std::min(kBlockRows, end - row), column);
      }
    }
  }
}

}  // namespace

bool IsPackable(const at::Tensor& weight) {
  return weight.dim() == 2 && weight.scalar_type() == at::kBFloat16 && weight.size(0) > 0 &&
         weight.size(0) % kPanelColumns == 0 && weight.size(1) > 0;
}

at::Tensor PackWeight(const at::Tensor& weight) {
  TORCH_CHECK(IsPackable(weight), "linear: cannot pack a weight ", weight.sizes(), " of ",
              weight.scalar_type());
  const at::Tensor rows = weight.contiguous();
  const int64_t inputs = rows.size(1);
  at::Tensor packed = at::empty(
      {rows.size(0) / kPanelColumns, RoundUp(inputs, kInnerStep), kPanelColumns}, rows.options());
  PackPanels(rows.const_data_ptr<BFloat16>(), inputs, rows.size(0), inputs,
             packed.mutable_data_ptr<BFloat16>());
  return packed;
}

at::Tensor Bfloat16Linear(const at::Tensor& input, const at::Tensor& packed,
                          const std::optional<at::Tensor>& bias,
                          const std::optional<at::Tensor>& residual, bool gelu,
                          const BlockUnit& unit) {
  const at::Tensor rows = input.contiguous();
  const int64_t outputs = OutputsOf(packed);
  at::Tensor output = at::empty({rows.size(0), outputs}, rows.options());
  if (rows.size(0) == 0) return output;
  const at::Tensor wide_bias =
      bias.has_value() ? bias->to(at::kFloat).contiguous() : at::zeros({outputs}, at::kFloat);
  const at::Tensor added = residual.has_value() ? residual->contiguous() : at::Tensor();
  const Problem problem = {rows.size(0),
                           rows.size(1),
                           outputs,
                           rows.const_data_ptr<BFloat16>(),
                           packed.const_data_ptr<BFloat16>(),
                           wide_bias.const_data_ptr<float>(),
                           added.defined() ? added.const_data_ptr<BFloat16>() : nullptr,
                           gelu,
                           &unit,
                           output.mutable_data_ptr<BFloat16>()};
  const Plan plan(problem, at::get_num_threads());
  const int64_t tasks = plan.row_groups * plan.column_groups;
  TakeTasks(tasks, [&](const auto& next) {
    // Kept: fresh memory costs a page fault every 4 KB.
    static thread_local std::vector<BFloat16> packed;
    packed.resize(std::max(packed.size(), static_cast<size_t>(plan.rows * InnerOf(problem))));
    unit.begin();
    for (int64_t task = next(); task < tasks; task = next()) {
      RunTask(problem, plan, task, packed.data());
    }
    unit.end();
  });
  return output;
}

}  // namespace radio::ops
