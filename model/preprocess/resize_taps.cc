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

// From output to input coordinates.
struct Scale {
  Scale(int in, int out)
      : step(static_cast<double>(in) / out),
        shrink(1.0 / std::max(step, 1.0)),
        support(kSupport * std::max(step, 1.0)) {}

  double Center(int i) const { return (i + 0.5) * step; }

  double step;
  double shrink;
  double support;
};

// The inputs that lie below the filter's curve.
struct Window {
  int first = 0;
  int count = 0;

  bool Holds(int input) const { return input >= first && input < first + count; }
};

// Halves up; anything negative may become 0.
int Rounded(double x) {
  return static_cast<int>(x + 0.5);  // NOLINT(bugprone-incorrect-roundings): as Pillow does.
}

std::vector<Window> MakeWindows(const Scale& scale, int in, int out) {
  std::vector<Window> windows(out);
  for (int i = 0; i < out; ++i) {
    const double center = scale.Center(i);
    const int first = std::max(Rounded(center - scale.support), 0);
    const int end = std::min(Rounded(center + scale.support), in);
    windows[i] = {first, end - first};
  }
  return windows;
}

int RoundUp(int n, int unit) { return (n + unit - 1) & -unit; }

// Halves away from zero, as Pillow does.
int32_t FixedPoint(double weight) {
  return static_cast<int32_t>(weight * (1 << kFractionBits) + (weight < 0 ? -0.5 : 0.5));
}

}  // namespace

ResizeTaps MakeBicubicTaps(int in, int out, int unit) {
  const Scale scale(in, out);
  const std::vector<Window> windows = MakeWindows(scale, in, out);
  ResizeTaps taps;
  taps.in = in;
  taps.out = out;
  for (const Window& window : windows) {
    taps.count = std::max(taps.count, RoundUp(window.count + window.first % unit, unit));
  }
  taps.first.resize(out);
  taps.weights.resize(static_cast<size_t>(out) * taps.count);
  const int last_first = RoundUp(std::max(in - taps.count, 0), unit);
  std::vector<double> exact(taps.count);
  for (int i = 0; i < out; ++i) {
    const double center = scale.Center(i);
    const int first = std::min(windows[i].first & -unit, last_first);
    // As many taps for each output: a loop whose length varies costs more than taps of weight 0.
    double sum = 0.0;
    for (int t = 0; t < taps.count; ++t) {
      const double weight = Bicubic((first + t - center + 0.5) * scale.shrink);
      exact[t] = windows[i].Holds(first + t) ? weight : 0.0;
      sum += exact[t];
    }
    taps.first[i] = first;
    int32_t* const weights = taps.weights.data() + ptrdiff_t{i} * taps.count;
    for (int t = 0; t < taps.count; ++t) weights[t] = FixedPoint(exact[t] / sum);
  }
  return taps;
}

}  // namespace radio
