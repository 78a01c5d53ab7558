// radio health: whether the server can take work.
#include <cstdio>
#include <memory>

#include "client/cli/command.h"

namespace radio::client {
namespace {

using grpc::health::v1::HealthCheckResponse;

int Health(CommandLine* line, const std::string& service) {
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  const auto state = (*client)->Health(service);
  if (!state.ok()) return Fail(state.status());
  std::printf("%s\n", HealthCheckResponse::ServingStatus_Name(*state).c_str());
  return *state == HealthCheckResponse::SERVING ? kExitOk : kExitFailed;
}

}  // namespace

void AddHealth(CLI::App* app, CommandLine* line) {
  CLI::App* command =
      app->add_subcommand("health", "Ask whether the server can take work; exit 0 if it can");
  auto service = std::make_shared<std::string>();
  command->add_option("SERVICE", *service,
                      "Part to ask about: readiness, liveness or a model's name (default: all)");
  command->callback(
      [line, service] { line->run = [line, service] { return Health(line, *service); }; });
}

}  // namespace radio::client
