#include "model/preprocess/resize_taps.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace radio {
namespace {

// Half the filter's width in input pixels when not shrinking.
constexpr double kSupport = 2.0;

// Without branches: both pieces of the curve, then a choice.
double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  const double inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  const double outer = (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return x < 1.0 ? inner : x < 2.0 ? outer : 0.0;
}

int RoundedHalfUp(double x) { return static_cast<int>(std::floor(x + 0.5)); }

// The taps of all outputs before rounding: output i has weights[i * stride] to
// weights[i * stride + count[i] - 1] for the inputs from first[i].
struct ExactTaps {
  int stride = 0;
  std::vector<int> first;
  std::vector<int> count;
  std::vector<double> weights;
};

ExactTaps MakeExactTaps(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double shrink = 1.0 / stretch;
  const double support = kSupport * stretch;
  ExactTaps taps;
  taps.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.first.resize(out);
  taps.count.resize(out);
  taps.weights.resize(static_cast<size_t>(out) * taps.stride);
  for (int i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(RoundedHalfUp(center - support), 0);
    const int count = std::min(RoundedHalfUp(center + support), in) - first;
    double* weights = taps.weights.data() + ptrdiff_t{i} * taps.stride;
    double sum = 0.0;
    for (int t = 0; t < count; ++t) {
      weights[t] = Bicubic((t + first - center + 0.5) * shrink);
      sum += weights[t];
    }
    for (int t = 0; t < count; ++t) weights[t] /= sum;
    taps.first[i] = first;
    taps.count[i] = count;
  }
  return taps;
}

int RoundUpToEven(int n) { return n + (n & 1); }

int MostPairs(const ExactTaps& exact) {
  int pairs = 0;
  for (size_t i = 0; i < exact.first.size(); ++i) {
    pairs = std::max(pairs, RoundUpToEven(exact.count[i] + (exact.first[i] & 1)) / 2);
  }
  return pairs;
}

// Halves away from zero, as Pillow does.
int32_t Rounded(double weight) {
  return static_cast<int32_t>(weight * (1 << kFractionBits) + (weight < 0 ? -0.5 : 0.5));
}

void Store(int32_t weight, int tap, TapPair* pairs) {
  constexpr int32_t kHalf = 1 << (kLowBits - 1);
  const int32_t high = (weight + kHalf) >> kLowBits;
  pairs[tap / 2].high[tap % 2] = static_cast<int16_t>(high);
  pairs[tap / 2].low[tap % 2] = static_cast<int16_t>(weight - high * (1 << kLowBits));
}

}  // namespace

ResizeTaps MakeBicubicTaps(int in, int out) {
  const ExactTaps exact = MakeExactTaps(in, out);
  ResizeTaps taps;
  taps.in = in;
  taps.out = out;
  taps.pairs = MostPairs(exact);
  taps.first.resize(out);
  taps.weights.resize(static_cast<size_t>(out) * taps.pairs);
  const int last_first = RoundUpToEven(std::max(in - 2 * taps.pairs, 0));
  for (int i = 0; i < out; ++i) {
    taps.first[i] = std::min(exact.first[i] & ~1, last_first);
    const int unused = exact.first[i] - taps.first[i];
    const double* weights = exact.weights.data() + ptrdiff_t{i} * exact.stride;
    TapPair* pairs = taps.weights.data() + ptrdiff_t{i} * taps.pairs;
    for (int t = 0; t < exact.count[i]; ++t) Store(Rounded(weights[t]), unused + t, pairs);
  }
  return taps;
}

}  // namespace radio
