// What the commands of `radio` share: exit codes, the connection, and options of several commands.
#ifndef RADIO_CLIENT_CLI_COMMAND_H_
#define RADIO_CLIENT_CLI_COMMAND_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/feature_client.h"
#include "client/options.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

enum ExitCode { kExitOk = 0, kExitFailed = 1, kExitUsage = 2, kExitPartial = 3 };

// Filled by parsing the command line; lives until the chosen command has run.
struct CommandLine {
  ClientOptions options;
  double deadline_seconds = 60;
  std::string token_file;
  // --attempts; 0 leaves the command's own choice.
  int attempts = 0;
  // The chosen command. Returns an ExitCode.
  std::function<int()> run;

  // Only wrong options fail.
  absl::StatusOr<std::unique_ptr<FeatureClient>> Connect();
};

// Each adds one command with its options to `app`; `line` outlives `app`.
void AddModels(CLI::App* app, CommandLine* line);
void AddHealth(CLI::App* app, CommandLine* line);
void AddBench(CLI::App* app, CommandLine* line);
void AddClassify(CLI::App* app, CommandLine* line);
void AddEmbed(CLI::App* app, CommandLine* line);
void AddHeat(CLI::App* app, CommandLine* line);
void AddPca(CLI::App* app, CommandLine* line);

// Both print "radio: <what went wrong>" on stderr.
int Fail(const absl::Status& status);       // Returns kExitFailed.
int FailUsage(const absl::Status& status);  // Returns kExitUsage: another command line would do.

inline constexpr char kResizeHelp[] =
    "How images are brought to a size the model takes: nearest (each side to the nearest multiple "
    "of the model's step), none, preferred, exact=HxW or shortest=N";

// --model.
void AddModelOption(CLI::App* command, std::string* model);
// --model and --resize. `resize` comes with its default.
void AddModelOptions(CLI::App* command, std::string* model, std::string* resize);

// "none", "nearest", "preferred", "exact=HxW", "shortest=N" (pixels).
absl::StatusOr<v1::Preprocessing> ParseResize(const std::string& text);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_COMMAND_H_
