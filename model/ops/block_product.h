// Products of small bfloat16 matrices, of which linears and attention are made.
//
// Both sides are stored in the order in which the units read them. Element (m, k) of a left side is
// block m / 32's element [k / 32][m % 32][k % 32], element (k, n) of a right side is panel n / 16's
// element [k / 2][n % 16][k % 2]; what is missing to whole blocks, panels and steps of 32 is zero.
#ifndef RADIO_MODEL_OPS_BLOCK_PRODUCT_H_
#define RADIO_MODEL_OPS_BLOCK_PRODUCT_H_

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace radio::ops {

// Rows of a product, columns of a panel, and the step of K.
inline constexpr int64_t kBlockRows = 32;
inline constexpr int64_t kPanelColumns = 16;
inline constexpr int64_t kInnerStep = 32;

// How many steps hold `value`, and what they hold.
constexpr int64_t StepsOf(int64_t value, int64_t step) { return (value + step - 1) / step; }
constexpr int64_t RoundUp(int64_t value, int64_t step) { return StepsOf(value, step) * step; }

// C = A B, or C + A B when `add`: A: one block [kBlockRows, inner]; B: `panels` (1 or 2) panels
// [inner, kPanelColumns]; C: [kBlockRows, kPanelColumns * panels] with `ldc` elements per row.
// `inner` is a multiple of kInnerStep.
struct Block {
  const c10::BFloat16* a;
  const c10::BFloat16* b;
  int64_t panels;
  int64_t inner;
  bool add;
  float* c;
  int64_t ldc;
};

// Rows [0, count) of a matrix with `stride` elements from row to row as one block; count <=
// kBlockRows. `inner` is the number of its columns, of any value.
void PackBlock(const c10::BFloat16* rows, int64_t stride, int64_t count, int64_t inner,
               c10::BFloat16* block);

// Right side from its columns: rows [0, columns) of a matrix with `stride` elements from row to row
// are the columns of whole panels. `inner` as above.
void PackPanels(const c10::BFloat16* rows, int64_t stride, int64_t columns, int64_t inner,
                c10::BFloat16* panels);

// Right side from its rows: [inner, columns] with `stride` elements from row to row.
void PackRowsAsPanels(const c10::BFloat16* rows, int64_t stride, int64_t columns, int64_t inner,
                      c10::BFloat16* panels);

// One way to compute blocks. A thread calls begin() before its first product and end() after its
// last; in between it must not run other code that uses matrix units.
struct BlockUnit {
  const char* name;
  bool (*usable)();
  void (*begin)();
  void (*product)(const Block& block);
  void (*end)();
};

// On x86 only; not every processor has them.
extern const BlockUnit kAmxUnit;
extern const BlockUnit kAvx512Unit;
// Slow: what the others must agree with.
extern const BlockUnit kPortableUnit;

// The fastest that this processor has, and whether that is more than the portable one.
const BlockUnit& BestBlockUnit();
inline bool HasBlockUnit() { return &BestBlockUnit() != &kPortableUnit; }

}  // namespace radio::ops

#endif  // RADIO_MODEL_OPS_BLOCK_PRODUCT_H_
