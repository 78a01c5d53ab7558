#include "server/main/program.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "config/load.h"
#include "config/validate.h"
#include "google/protobuf/text_format.h"
#include "server/main/signals.h"
#include "server/server.h"
#include "server/version.h"

ABSL_FLAG(std::string, config, "",
          "the configuration: a file with a radio.config.ServerConfig as text");
ABSL_FLAG(bool, check_config, false,
          "check the configuration and the files that it names, then exit");
ABSL_FLAG(bool, print_config, false, "print the configuration with all defaults, then exit");

namespace radio::server {
namespace {

int Refuse(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) std::fprintf(stderr, "%s\n", problem.c_str());
  return 1;
}

// Says where the server listens once it is ready; ends the process when it cannot be.
void MakeReady(Server* server, const EngineFactory& make_engine) {
  if (const absl::Status loaded = server->LoadModels(make_engine); !loaded.ok()) {
    const int code = Refuse({std::string(loaded.message())});
    std::fflush(nullptr);
    // With the threads that refuse calls until now.
    _exit(code);
  }
  std::printf("{\"event\":\"listening\",\"grpc\":\"%s\",\"metrics\":\"%s\"}\n",
              server->grpc_address().c_str(), server->metrics_address().c_str());
  std::fflush(stdout);
}

int Serve(const config::ServerConfig& config, const EngineFactory& make_engine) {
  SignalWaiter signals;
  auto server = Server::Listen(config);
  if (!server.ok()) return Refuse({std::string(server.status().message())});
  // A signal is obeyed while models load.
  std::thread([&] { MakeReady(server->get(), make_engine); }).detach();
  signals.Wait();
  signals.ExitOnNext(absl::Milliseconds(config.drain_delay_ms() + config.drain_timeout_ms()) +
                     absl::Seconds(10));
  const bool drained = (*server)->Shutdown();
  // Not by destroying the server: see Server::Shutdown.
  std::fflush(nullptr);
  _exit(drained ? 0 : kExitDrainTimeout);
}

void DescribeProgram() {
  absl::SetProgramUsageMessage("serves RADIO features over gRPC.  radio_server --config=FILE");
  absl::FlagsUsageConfig usage;
  usage.version_string = [] { return absl::StrCat("radio_server ", kVersion, "\n"); };
  usage.contains_helpshort_flags = usage.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "server/main/program.cc");
  };
  absl::SetFlagsUsageConfig(usage);
}

}  // namespace

int RunProgram(int argc, char** argv, const EngineFactory& make_engine) {
  // Debian's abseil looks for deadlocks whenever gRPC takes a lock: 5 % of what a call costs.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  DescribeProgram();
  absl::ParseCommandLine(argc, argv);
  auto config = config::LoadServerConfig(absl::GetFlag(FLAGS_config));
  if (!config.ok()) return Refuse({std::string(config.status().message())});
  config::FillDefaults(&*config);
  if (absl::GetFlag(FLAGS_print_config)) {
    std::string text;
    google::protobuf::TextFormat::PrintToString(*config, &text);
    std::fputs(text.c_str(), stdout);
  }
  std::vector<std::string> problems = config::Violations(*config);
  for (std::string& problem : config::MissingFiles(*config)) {
    problems.push_back(std::move(problem));
  }
  if (!problems.empty()) return Refuse(problems);
  if (absl::GetFlag(FLAGS_check_config)) std::puts("configuration: OK");
  if (absl::GetFlag(FLAGS_check_config) || absl::GetFlag(FLAGS_print_config)) return 0;
  return Serve(*config, make_engine);
}

}  // namespace radio::server
