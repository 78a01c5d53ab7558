// What a benchmark program measured: a table for people, JSON for run.py.
#ifndef RADIO_TESTS_BENCHMARK_FIGURES_H_
#define RADIO_TESTS_BENCHMARK_FIGURES_H_

#include <string>
#include <vector>

namespace radio {

// Of at least one value; the greater of the two in the middle.
double Median(std::vector<double> values);

class Figures {
 public:
  // Prints the figure at once: a suite takes minutes.
  void Add(const std::string& name, double value, const std::string& remark);
  // Writes {name: value} of all figures.
  void Write(const std::string& file) const;

 private:
  std::vector<std::string> entries_;
};

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_FIGURES_H_
