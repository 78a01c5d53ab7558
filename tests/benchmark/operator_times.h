// Where the time of a forward pass goes, by operator.
#ifndef RADIO_TESTS_BENCHMARK_OPERATOR_TIMES_H_
#define RADIO_TESTS_BENCHMARK_OPERATOR_TIMES_H_

#include <ATen/record_function.h>

#include <map>
#include <string>

namespace radio {

// Times the calls of the operators `radio::*` that this thread makes while the object lives. One at
// a time in a process.
class OperatorTimes {
 public:
  // `seconds` is the clock.
  explicit OperatorTimes(double (*seconds)());
  ~OperatorTimes();
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;

  // Seconds spent in "radio::linear", say, so far; 0 when it was not called.
  static double Of(const std::string& name);

 private:
  const at::CallbackHandle handle_;
};

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_OPERATOR_TIMES_H_
