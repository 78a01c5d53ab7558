#include "client/cli/completion.h"

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace radio::client {
namespace {

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// "--name" and "-n" of the options; with `valued`, of those alone that a value follows.
std::vector<std::string> OptionsOf(const CLI::App& app, bool valued) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (valued && option->get_items_expected_min() == 0) continue;
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// A branch of bash's `case` for a command: its own options and the program's.
std::string Branch(const CLI::App& app, const CLI::App& command) {
  return absl::StrCat("    ", command.get_name(), ") words='",
                      absl::StrJoin(OptionsOf(command, false), " "), " ",
                      absl::StrJoin(OptionsOf(app, false), " "), "' valued=' ",
                      absl::StrJoin(OptionsOf(command, true), " "), " ",
                      absl::StrJoin(OptionsOf(app, true), " "), " ' ;;\n");
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string branches;
  for (const CLI::App* command : CommandsOf(app)) {
    commands.push_back(command->get_name());
    absl::StrAppend(&branches, Branch(app, *command));
  }
  const std::string function = absl::StrCat("_", app.get_name());
  return absl::StrCat(
      "# Completion for bash: source <(", app.get_name(), " completion bash)\n", function,
      "() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local valued=' ",
      absl::StrJoin(OptionsOf(app, true), " "), " ' words='", absl::StrJoin(commands, " "), " ",
      absl::StrJoin(OptionsOf(app, false), " "),
      "' word last=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    # Not a value, nor after the command: its words all begin with a dash.\n"
      "    [[ $valued == *\" $last \"* || $words == -* ]] || case $word in\n",
      branches,
      "    esac\n"
      "    last=$word\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  # A value or an argument: file names, by the default below.\n"
      "  [[ $valued == *\" $previous \"* ]] && return\n"
      "  [[ $current == -* || $words != -* ]] || return 0\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}\n"
      "complete -o default -F ",
      function, " ", app.get_name(), "\n");
}

void AddCompletion(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand(
      "completion", "Print a script that completes this program's command line in a shell");
  command->add_option("SHELL", "bash")->required()->check(CLI::IsMember({"bash"}));
  command->callback([app, line] {
    line->run = [app] {
      std::fputs(BashCompletion(*app).c_str(), stdout);
      return kExitOk;
    };
  });
}

}  // namespace radio::client
