// Completion of the program's command line by shells.
#ifndef RADIO_CLIENT_CLI_COMPLETION_H_
#define RADIO_CLIENT_CLI_COMPLETION_H_

#include <string>

#include "client/cli/command.h"

namespace radio::client {

// A bash script that completes what `app` and its commands take: commands, options, and file names
// as values and arguments.
std::string BashCompletion(const CLI::App& app);

// Adds `completion SHELL`, which prints the script for all of `app`, commands added later included.
void AddCompletion(CLI::App* app, CommandLine* line);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_COMPLETION_H_
