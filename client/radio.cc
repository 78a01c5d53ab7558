// radio: the command line client.
#include "client/cli/command.h"
#include "client/cli/completion.h"

namespace radio::client {
namespace {

constexpr char kDescription[] =
    "Features of images from a RADIO server.\n"
    "Exit codes: 0 all well, 1 failed, 2 wrong usage, 3 finished with failures.";

void AddConnectionOptions(CLI::App* app, CommandLine* line) {
  ClientOptions& options = line->options;
  app->add_option("--server", options.server,
                  "host:port, or a gRPC target (dns:///..., unix:/path)")
      ->envname("RADIO_SERVER")
      ->capture_default_str();
  app->add_option("--connections", options.connections,
                  "Connections to each server, for large answers of calls at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app->add_option("--deadline", line->deadline_seconds, "Seconds for a call or a streamed image")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  app->add_option("--attempts", line->attempts,
                  "Attempts when the server is unavailable or pushes back (default: 5, embed 60)")
      ->check(CLI::Range(1, 1000));
  app->add_flag("--tls", options.tls.enabled, "Encrypt, and check the server's certificate");
  app->add_option("--tls-ca", options.tls.ca_file, "PEM roots (default: the system's)");
  app->add_option("--tls-cert", options.tls.certificate_file, "PEM certificate of this client");
  app->add_option("--tls-key", options.tls.key_file, "PEM key of this client");
  app->add_option("--tls-server-name", options.tls.server_name,
                  "Name expected in the server's certificate");
  app->add_option("--token-file", line->token_file,
                  "File with a bearer token (or the token itself in RADIO_TOKEN)");
}

int Run(int argc, char** argv) {
  CommandLine line;
  CLI::App app(kDescription, "radio");
  app.require_subcommand(1);
  // The connection's options may stand after the command too.
  app.fallthrough();
  AddConnectionOptions(&app, &line);
  AddModels(&app, &line);
  AddHealth(&app, &line);
  AddEmbed(&app, &line);
  AddPca(&app, &line);
  AddHeat(&app, &line);
  AddClassify(&app, &line);
  AddBench(&app, &line);
  AddCompletion(&app, &line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return line.run();
}

}  // namespace
}  // namespace radio::client

int main(int argc, char** argv) { return radio::client::Run(argc, argv); }
