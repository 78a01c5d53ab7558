// A server in this process and its client in another: what each of them takes.
#ifndef RADIO_TESTS_BENCHMARK_CLIENT_PROCESS_H_
#define RADIO_TESTS_BENCHMARK_CLIENT_PROCESS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "server/server.h"

namespace radio {

// What a client counted.
struct Traffic {
  // Answers or images.
  int64_t answers = 0;
  int64_t bytes = 0;
};

struct MeasuredTraffic {
  Traffic traffic;
  double server_cpu_seconds = 0;
  double client_cpu_seconds = 0;
};

// Serves the model "m" to `client`, which gets the address and says whether all went well. Forks:
// to be called before gRPC has any threads, once in a process.
std::optional<MeasuredTraffic> MeasureTraffic(
    const server::EngineFactory& factory,
    const std::function<bool(const std::string& address, Traffic* traffic)>& client);

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_CLIENT_PROCESS_H_
