// How long a worker is kept by the choice of its next batch while 1,000 images wait. Prints one
// line of JSON per case, in microseconds of processor time.
//   decision_benchmark [ROUNDS [CASE]]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "model/base/clock.h"
#include "model/batching/batch_queue.h"
#include "model/batching/model_load.h"

namespace radio {
namespace {

constexpr int kQueued = 1000;

struct Case {
  // "apart": batches of one size.
  const char* name;
  int clients;
  int sizes;
  bool mixed_sizes;
  bool deadlines;
  int priorities;
};

constexpr Case kCases[] = {
    {"one_size", 1, 1, true, false, 1},        {"16_sizes", 64, 16, true, false, 1},
    {"with_deadlines", 64, 16, true, true, 1}, {"with_priorities", 64, 16, true, true, 4},
    {"1000_clients", 1000, 16, true, true, 1}, {"16_apart", 64, 16, false, true, 1},
    {"200_apart", 64, 200, false, true, 1},
};

double ThreadMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

std::unique_ptr<Task> MakeTask(const Case& what, int number, absl::Time now,
                               const std::shared_ptr<CancelToken>& cancel) {
  const int size = number * 7 % what.sizes;
  Task::Work work;
  work.image.size = {16 * (14 + size), 224};
  work.cost = 14.0 * (14 + size);
  work.bytes = 1 << 20;
  work.client = static_cast<ClientId>(number * 13 % what.clients);
  work.priority = number % what.priorities;
  // Hours away: nothing is dropped.
  if (what.deadlines) work.deadline = now + absl::Hours(1 + (number % 5));
  work.cancel = cancel;
  return std::make_unique<Task>(std::move(work), [](Task::Result) {});
}

// Median and 99th percentile of NextBatch, and the images it took.
void Measure(const Case& what, int rounds) {
  const Clock& clock = *Clock::Real();
  ModelLoad load;
  load.RecordBatch(16384, absl::Milliseconds(50));
  BatchQueue::Options options;
  options.limits.max_cost = 16384;
  options.limits.mixed_sizes = what.mixed_sizes;
  BatchQueue queue(options, &clock, &load);
  const auto cancel = std::make_shared<CancelToken>();
  int number = 0;
  const auto submit = [&] {
    std::unique_ptr<Task> task = MakeTask(what, number++, clock.Now(), cancel);
    (void)queue.Submit(task);
  };
  while (number < kQueued) submit();
  std::vector<double> times;
  size_t images = 0;
  for (int i = 0; i < rounds; ++i) {
    const double start = ThreadMicroseconds();
    const Batch batch = queue.NextBatch();
    times.push_back(ThreadMicroseconds() - start);
    queue.Done();
    images += batch.run.size();
    for (size_t taken = 0; taken < batch.run.size() + batch.dropped.size(); ++taken) submit();
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"case\":\"%s\",\"p50_us\":%.2f,\"p99_us\":%.2f,\"images\":%.1f}\n", what.name,
              times[times.size() / 2], times[times.size() * 99 / 100],
              static_cast<double>(images) / rounds);
}

int Main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 2000;
  for (const Case& what : kCases) {
    if (argc < 3 || std::strcmp(argv[2], what.name) == 0) Measure(what, rounds);
  }
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) { return radio::Main(argc, argv); }
