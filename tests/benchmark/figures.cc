#include "tests/benchmark/figures.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace radio {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Figures::Add(const std::string& name, double value, const std::string& remark) {
  std::printf("%-34s %10.3f  %s\n", name.c_str(), value, remark.c_str());
  std::fflush(stdout);
  entries_.push_back(absl::StrFormat("  \"%s\": %.6g", name, value));
}

void Figures::Write(const std::string& file) const {
  std::ofstream(file) << "{\n" << absl::StrJoin(entries_, ",\n") << "\n}\n";
}

}  // namespace radio
