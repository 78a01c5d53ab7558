#include "tests/benchmark/client_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testing/test_server.h"

namespace radio {
namespace {

double CpuSeconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

std::optional<MeasuredTraffic> MeasureTraffic(
    const server::EngineFactory& factory,
    const std::function<bool(const std::string& address, Traffic* traffic)>& client) {
  // A shell that became this process leaves its own there.
  const double children = CpuSeconds(RUSAGE_CHILDREN);
  int to_client[2];
  int from_client[2];
  if (pipe(to_client) != 0 || pipe(from_client) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    char address[64] = {};
    Traffic traffic;
    const bool good = read(to_client[0], address, sizeof(address) - 1) > 0 &&
                      client(address, &traffic) &&
                      write(from_client[1], &traffic, sizeof(traffic)) == sizeof(traffic);
    _exit(good ? 0 : 1);
  }
  close(from_client[1]);
  auto server = server::Server::Start(TestServer::Config({}), factory);
  if (!server.ok()) return std::nullopt;
  const double cpu = CpuSeconds(RUSAGE_SELF);
  const std::string& address = (*server)->grpc_address();
  if (write(to_client[1], address.data(), address.size()) < 0) return std::nullopt;
  MeasuredTraffic measured;
  const bool counted = read(from_client[0], &measured.traffic, sizeof(Traffic)) == sizeof(Traffic);
  measured.server_cpu_seconds = CpuSeconds(RUSAGE_SELF) - cpu;
  int status = 0;
  waitpid(child, &status, 0);
  measured.client_cpu_seconds = CpuSeconds(RUSAGE_CHILDREN) - children;
  if (!counted || status != 0 || measured.traffic.answers == 0) return std::nullopt;
  return measured;
}

}  // namespace radio
