#include "model/ops/block_product.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <vector>

namespace radio::ops {
namespace {

using c10::BFloat16;

struct Matrix {
  Matrix(int64_t rows, int64_t columns, int64_t seed) : rows(rows), columns(columns) {
    std::mt19937 engine(static_cast<uint32_t>(seed));
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < rows * columns; ++i) values.emplace_back(normal(engine));
  }
  float At(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * columns + column)];
  }
  int64_t rows, columns;
  std::vector<BFloat16> values;
};

// NaN wherever packing does not write.
std::vector<BFloat16> Memory(int64_t rows, int64_t inner) {
  return std::vector<BFloat16>(static_cast<size_t>(rows * RoundUp(inner, kInnerStep)),
                               std::numeric_limits<float>::quiet_NaN());
}

std::vector<BFloat16> Left(const Matrix& a) {
  std::vector<BFloat16> block = Memory(kBlockRows, a.columns);
  PackBlock(a.values.data(), a.columns, a.rows, a.columns, block.data());
  return block;
}

std::vector<BFloat16> Right(const Matrix& columns) {
  std::vector<BFloat16> panels = Memory(RoundUp(columns.rows, kPanelColumns), columns.columns);
  PackPanels(columns.values.data(), columns.columns, columns.rows, columns.columns, panels.data());
  return panels;
}

// A B with A [rows, inner] and B given by its columns, [columns, inner]; C filled with `before`.
std::vector<float> Multiply(const BlockUnit& unit, const std::vector<BFloat16>& a,
                            const std::vector<BFloat16>& b, int64_t columns, int64_t inner,
                            bool add, float before) {
  const int64_t panels = RoundUp(columns, kPanelColumns) / kPanelColumns;
  std::vector<float> c(static_cast<size_t>(kBlockRows * panels * kPanelColumns), before);
  unit.begin();
  unit.product({a.data(), b.data(), panels, RoundUp(inner, kInnerStep), add, c.data(),
                panels * kPanelColumns});
  unit.end();
  return c;
}

// A copy of `values` between two pages that must not be touched, close to one of them.
template <typename T>
class Fenced {
 public:
  Fenced(const std::vector<T>& values, bool at_end) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = values.size() * sizeof(T);
    const size_t whole = (bytes + page - 1) / page * page;
    size_ = whole + 2 * page;
    memory_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory_, page, PROT_NONE);
    mprotect(memory_ + page + whole, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(memory_ + page + (at_end ? whole - bytes : 0));
    std::copy(values.begin(), values.end(), data_);
  }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  ~Fenced() { munmap(memory_, size_); }

  T* data() { return data_; }

 private:
  char* memory_;
  size_t size_;
  T* data_;
};

class BlockProductTest : public testing::TestWithParam<const BlockUnit*> {
 protected:
  void SetUp() override {
    if (!unit().usable()) GTEST_SKIP() << "this processor has no " << unit().name;
  }
  static const BlockUnit& unit() { return *GetParam(); }
};

TEST_P(BlockProductTest, IsTheProductForEveryNumberOfRowsColumnsAndInnerValues) {
  for (const int64_t rows : {1, 17, 32}) {
    for (const int64_t columns : {5, 16, 32}) {
      for (const int64_t inner : {1, 32, 75, 320}) {
        for (const bool add : {false, true}) {
          const Matrix a(rows, inner, 1);
          const Matrix b(columns, inner, 2);
          const std::vector<float> c =
              Multiply(unit(), Left(a), Right(b), columns, inner, add, 3.0f);
          const int64_t width = RoundUp(columns, kPanelColumns);
          for (int64_t i = 0; i < kBlockRows; ++i) {
            for (int64_t n = 0; n < width; ++n) {
              double sum = add ? 3.0 : 0.0;
              for (int64_t k = 0; k < inner && i < rows && n < columns; ++k) {
                sum += double{a.At(i, k)} * b.At(n, k);
              }
              ASSERT_NEAR(c[static_cast<size_t>(i * width + n)], sum, 1e-4)
                  << rows << " " << columns << " " << inner << " at " << i << " " << n;
            }
          }
        }
      }
    }
  }
}

TEST_P(BlockProductTest, OneWrongElementIsNoticed) {
  const Matrix a(32, 64, 1);
  const Matrix b(32, 64, 2);
  std::vector<BFloat16> left = Left(a);
  const std::vector<float> before = Multiply(unit(), left, Right(b), 32, 64, false, 0);
  left[kBlockRows * kInnerStep + 5 * kInnerStep + 7] += 1.0f;  // Row 5, inner 39.
  const std::vector<float> after = Multiply(unit(), left, Right(b), 32, 64, false, 0);
  for (int64_t i = 0; i < kBlockRows; ++i) {
    for (int64_t n = 0; n < 32; ++n) {
      const auto at = static_cast<size_t>(i * 32 + n);
      EXPECT_NEAR(after[at] - before[at], i == 5 ? b.At(n, 39) : 0.0f, 0.05) << i << " " << n;
    }
  }
}

// A test that fails by a fault: what instructions for tiles read and write, AddressSanitizer does
// not see.
TEST_P(BlockProductTest, TouchesNothingBesideItsOperands) {
  for (const int64_t columns : {16, 32}) {
    for (const int64_t inner : {32, 96}) {
      const std::vector<BFloat16> a = Left(Matrix(32, inner, 1));
      const std::vector<BFloat16> b = Right(Matrix(columns, inner, 2));
      for (const bool add : {false, true}) {
        const std::vector<float> expected = Multiply(unit(), a, b, columns, inner, add, 3.0f);
        for (const bool at_end : {false, true}) {
          Fenced<BFloat16> left(a, at_end);
          Fenced<BFloat16> right(b, at_end);
          Fenced<float> c(std::vector<float>(expected.size(), 3.0f), at_end);
          unit().begin();
          unit().product(
              {left.data(), right.data(), columns / kPanelColumns, inner, add, c.data(), columns});
          unit().end();
          EXPECT_TRUE(std::equal(expected.begin(), expected.end(), c.data()))
              << columns << " " << inner << " " << add;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Units, BlockProductTest,
                         testing::Values(
#ifdef __x86_64__
                             &kAmxUnit, &kAvx512Unit,
#endif
                             &kPortableUnit),
                         [](const auto& unit) { return std::string(unit.param->name); });

TEST(BlockProductPackingTest, RowsAndColumnsGiveTheSameRightSide) {
  for (const int64_t inner : {1, 31, 64, 77}) {
    for (const int64_t columns : {3, 16, 40}) {
      const Matrix by_columns(columns, inner, 7);
      Matrix by_rows(inner, columns, 8);
      for (int64_t k = 0; k < inner; ++k) {
        for (int64_t n = 0; n < columns; ++n) {
          by_rows.values[static_cast<size_t>(k * columns + n)] = by_columns.At(n, k);
        }
      }
      std::vector<BFloat16> panels = Memory(RoundUp(columns, kPanelColumns), inner);
      PackRowsAsPanels(by_rows.values.data(), columns, columns, inner, panels.data());
      EXPECT_EQ(panels, Right(by_columns)) << inner << " " << columns;
    }
  }
}

TEST(BlockProductPackingTest, BestUnitIsUsable) {
  EXPECT_TRUE(BestBlockUnit().usable());
  EXPECT_EQ(HasBlockUnit(), BestBlockUnit().name != std::string("portable"));
}

}  // namespace
}  // namespace radio::ops
