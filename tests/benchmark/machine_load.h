// What else the machine was doing during a measurement, and how much memory this process holds.
#ifndef RADIO_TESTS_BENCHMARK_MACHINE_LOAD_H_
#define RADIO_TESTS_BENCHMARK_MACHINE_LOAD_H_

#include <cstdint>

namespace radio {

// From its construction on.
class MachineLoad {
 public:
  MachineLoad();
  // Share of all cores' time that other processes used, 0 to 1. One foreign busy core can slow
  // threads that wait for each other tenfold: figures taken with more than a few percent of it say
  // little.
  double ForeignShare() const;

 private:
  // In seconds of one core.
  struct Times {
    double busy = 0;
    double all = 0;
    double own = 0;
  };
  static Times Read();

  const Times start_;
};

// Seconds on a scale of its own: of the wall, or of the processor time that the calling thread was
// given. The latter is fair on a busy machine, for work on one thread.
double WallSeconds();
double ThreadSeconds();

// Resident memory of this process in bytes.
int64_t ResidentBytes();

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_MACHINE_LOAD_H_
