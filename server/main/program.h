// The program radio_server but for the engine: flags, configuration, signals, exit codes.
#ifndef RADIO_SERVER_MAIN_PROGRAM_H_
#define RADIO_SERVER_MAIN_PROGRAM_H_

#include "server/model_loader.h"

namespace radio::server {

// Serves until SIGTERM or SIGINT. Returns the exit code of a start that failed or of a run that had
// nothing to serve (--check_config, --print_config); otherwise ends the process itself.
int RunProgram(int argc, char** argv, const EngineFactory& make_engine);

}  // namespace radio::server

#endif  // RADIO_SERVER_MAIN_PROGRAM_H_
