#include "model/ops/bfloat16_attention.h"

#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "model/ops/parallel.h"
#include "model/ops/softmax_tile.h"

namespace radio::ops {
namespace {

using c10::BFloat16;

// Queries and keys of one tile: its scores and weights (192 KB) stay in the second-level cache.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 512;
// Tiles of queries that one task takes.
constexpr int64_t kTilesPerTask = 4;

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// The head `head` of a [T, heads, head_dim] tensor.
struct HeadView {
  HeadView(const at::Tensor& tensor, int64_t head)
      : data(tensor.const_data_ptr<BFloat16>() + head * tensor.stride(1)),
        stride(tensor.stride(0)) {}
  const BFloat16* Row(int64_t token) const { return data + token * stride; }

  const BFloat16* data;
  int64_t stride;
};

// Keys transposed one after the other as rows of the cache lines that they fill.
constexpr int64_t kKeysAtOnce = 16;

// Keys and values of one head of one segment as the right-hand sides of the two products: per tile
// of keys [head_dim / 2][keys] pairs; then [keys / 2][head_dim] pairs of values. Keys are padded
// with zeros to a multiple of kTileColumns.
void PackKeys(const HeadView& keys, const Segment& segment, int64_t head_dim, BFloat16* packed) {
  for (int64_t first = 0; first < segment.length; first += kKeys) {
    const int64_t count = std::min(kKeys, segment.length - first);
    const int64_t columns = RoundUp(count, kTileColumns);
    BFloat16* tile = packed + first * head_dim;
    std::memset(static_cast<void*>(tile), 0,
                static_cast<size_t>(columns * head_dim) * sizeof(BFloat16));
    for (int64_t group = 0; group < count; group += kKeysAtOnce) {
      const int64_t end = std::min(group + kKeysAtOnce, count);
      for (int64_t d = 0; d < head_dim; d += 2) {
        for (int64_t j = group; j < end; ++j) {
          const BFloat16* source = keys.Row(segment.begin + first + j) + d;
          std::memcpy(static_cast<void*>(tile + d * columns + 2 * j), source, 2 * sizeof(BFloat16));
        }
      }
    }
  }
}

void PackValues(const HeadView& values, const Segment& segment, int64_t head_dim,
                BFloat16* packed) {
  const int64_t rows = RoundUp(segment.length, kTileColumns);
  for (int64_t j = 0; j < rows; j += 2) {
    BFloat16* pairs = packed + j * head_dim;
    const bool has_first = j < segment.length;
    const bool has_second = j + 1 < segment.length;
    const BFloat16* first = has_first ? values.Row(segment.begin + j) : nullptr;
    const BFloat16* second = has_second ? values.Row(segment.begin + j + 1) : nullptr;
    for (int64_t d = 0; d < head_dim; ++d) {
      pairs[2 * d] = has_first ? first[d] : BFloat16(0.0f);
      pairs[2 * d + 1] = has_second ? second[d] : BFloat16(0.0f);
    }
  }
}

// Memory of one thread for one tile of queries.
struct Scratch {
  explicit Scratch(int64_t head_dim)
      : queries(static_cast<size_t>(kQueries * head_dim)),
        scores(kQueries * kKeys),
        weights(kQueries * kKeys),
        output(static_cast<size_t>(kQueries * head_dim)),
        rows(kQueries) {}
  std::vector<BFloat16> queries;
  std::vector<float> scores;
  std::vector<BFloat16> weights;
  std::vector<float> output;
  std::vector<RowState> rows;
};

// One head of one segment.
struct Problem {
  HeadView queries;
  BFloat16* packed_keys;
  BFloat16* packed_values;
  Segment segment;
  int64_t head_dim;
  float scale;
  PairProduct product;
  // First value of the head in the output, and values from token to token.
  BFloat16* output;
  int64_t output_stride;
};

// Attention of queries [first, first + count) of the segment; count <= kQueries.
void AttendTile(const Problem& p, int64_t first, int64_t count, Scratch* scratch) {
  const int64_t dim = p.head_dim;
  const int64_t padded = RoundUp(count, kTileColumns);
  std::fill(scratch->queries.begin(), scratch->queries.end(), BFloat16(0.0f));
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(p.queries.Row(p.segment.begin + first + i), dim, scratch->queries.data() + i * dim);
  }
  std::fill(scratch->output.begin(), scratch->output.end(), 0.0f);
  std::fill(scratch->rows.begin(), scratch->rows.end(),
            RowState{-std::numeric_limits<float>::infinity(), 0.0f});
  for (int64_t key = 0; key < p.segment.length; key += kKeys) {
    const int64_t valid = std::min(kKeys, p.segment.length - key);
    const int64_t columns = RoundUp(valid, kTileColumns);
    p.product(padded, columns, dim, dim, columns, kKeys, /*add=*/false, scratch->queries.data(),
              p.packed_keys + key * dim, scratch->scores.data());
    for (int64_t i = 0; i < count; ++i) {
      SoftmaxRow(scratch->scores.data() + i * kKeys, columns, valid, p.scale,
                 &scratch->rows[static_cast<size_t>(i)], scratch->output.data() + i * dim, dim,
                 reinterpret_cast<uint16_t*>(scratch->weights.data() + i * kKeys));
    }
    p.product(padded, dim, columns, kKeys, dim, dim, /*add=*/true, scratch->weights.data(),
              p.packed_values + key * dim, scratch->output.data());
  }
  for (int64_t i = 0; i < count; ++i) {
    const float scale = 1.0f / scratch->rows[static_cast<size_t>(i)].sum;
    const float* row = scratch->output.data() + i * dim;
    BFloat16* out = p.output + (p.segment.begin + first + i) * p.output_stride;
    for (int64_t d = 0; d < dim; ++d) out[d] = BFloat16(row[d] * scale);
  }
}

// Tiles [first_tile, first_tile + kTilesPerTask) of problem `problem`.
struct WorkItem {
  size_t problem;
  int64_t first_tile;
};

std::vector<WorkItem> PlanWork(const std::vector<Problem>& problems) {
  std::vector<WorkItem> work;
  for (size_t i = 0; i < problems.size(); ++i) {
    const int64_t tiles = (problems[i].segment.length + kQueries - 1) / kQueries;
    for (int64_t t = 0; t < tiles; t += kTilesPerTask) work.push_back({i, t});
  }
  return work;
}

// Calls body(item, scratch) for all items; threads take the next one when they are free, since
// segments differ in length.
template <typename Body>
void ForEachItem(const std::vector<WorkItem>& work, int64_t head_dim, const Body& body) {
  std::atomic<size_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t /*begin*/, int64_t /*end*/) {
    Scratch scratch(head_dim);
    for (size_t i = next.fetch_add(1); i < work.size(); i = next.fetch_add(1)) {
      body(work[i], &scratch);
    }
    at::native::cpublas::brgemm_release();
  });
}

}  // namespace

void BrgemmProduct(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
                   const BFloat16* a, const BFloat16* b, float* c) {
  at::native::cpublas::brgemm(m, n, k, lda, ldb, ldc, add, a, b, c, /*is_vnni=*/true);
}

void Bfloat16Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, double scale, PairProduct product,
                       const at::Tensor& output) {
  const int64_t heads = q.size(1);
  const int64_t head_dim = q.size(2);
  int64_t padded_tokens = 0;
  for (const Segment& s : segments) padded_tokens += RoundUp(s.length, kTileColumns);
  const at::Tensor packed = at::empty({2, padded_tokens * heads * head_dim}, q.options());
  BFloat16* keys = packed.mutable_data_ptr<BFloat16>();
  BFloat16* values = keys + packed.size(1);

  std::vector<Problem> problems;
  for (const Segment& segment : segments) {
    for (int64_t head = 0; head < heads; ++head) {
      problems.push_back({HeadView(q, head), keys, values, segment, head_dim,
                          static_cast<float>(scale), product,
                          output.mutable_data_ptr<BFloat16>() + head * head_dim, heads * head_dim});
      keys += RoundUp(segment.length, kTileColumns) * head_dim;
      values += RoundUp(segment.length, kTileColumns) * head_dim;
    }
  }
  at::parallel_for(0, static_cast<int64_t>(problems.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Problem& p = problems[static_cast<size_t>(i)];
      PackKeys(HeadView(k, i % heads), p.segment, head_dim, p.packed_keys);
      PackValues(HeadView(v, i % heads), p.segment, head_dim, p.packed_values);
    }
  });
  ForEachItem(PlanWork(problems), head_dim, [&](const WorkItem& item, Scratch* scratch) {
    const Problem& p = problems[item.problem];
    for (int64_t t = item.first_tile; t < item.first_tile + kTilesPerTask; ++t) {
      const int64_t first = t * kQueries;
      if (first >= p.segment.length) break;
      AttendTile(p, first, std::min(kQueries, p.segment.length - first), scratch);
    }
  });
}

}  // namespace radio::ops
