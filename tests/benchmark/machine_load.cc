#include "tests/benchmark/machine_load.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace radio {
namespace {

double Seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double WallSeconds() { return Seconds(CLOCK_MONOTONIC); }
double ThreadSeconds() { return Seconds(CLOCK_THREAD_CPUTIME_ID); }

MachineLoad::MachineLoad() : start_(Read()) {}

MachineLoad::Times MachineLoad::Read() {
  // cpu user nice system idle iowait irq softirq steal ..., in clock ticks of all cores.
  std::ifstream stat("/proc/stat");
  std::string label;
  stat >> label;
  Times times;
  double ticks = 0;
  for (int field = 0; field < 8 && stat >> ticks; ++field) {
    times.all += ticks;
    if (field != 3 && field != 4) times.busy += ticks;
  }
  const double per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  times.all /= per_second;
  times.busy /= per_second;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  times.own = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return times;
}

double MachineLoad::ForeignShare() const {
  const Times now = Read();
  const double all = now.all - start_.all;
  const double foreign = (now.busy - start_.busy) - (now.own - start_.own);
  return all > 0 ? std::clamp(foreign / all, 0.0, 1.0) : 0.0;
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

}  // namespace radio
