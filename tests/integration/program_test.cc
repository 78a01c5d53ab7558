// The program's flags and what it refuses. Serving: tests/export, tests/integration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  // Standard output and standard error.
  std::string output;
};

Outcome RunServer(const std::string& arguments) {
  Outcome run;
  FILE* pipe = popen(("server/main/radio_server " + arguments + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) run.output.append(buffer, n);
  const int status = pclose(pipe);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

std::string WriteConfig(const std::string& text) {
  const std::string path = testing::TempDir() + "/server.textproto";
  std::ofstream(path) << text;
  return path;
}

TEST(ProgramTest, VersionAndHelpAreShown) {
  const Outcome version = RunServer("--version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, HasSubstr("radio_server "));
  EXPECT_THAT(RunServer("--help").output, AllOf(HasSubstr("--config"), HasSubstr("--check_config"),
                                                HasSubstr("--print_config")));
}

TEST(ProgramTest, AnUnknownFlagIsRefused) { EXPECT_EQ(RunServer("--nonesuch").exit_code, 1); }

TEST(ProgramTest, EveryViolationIsListedWithItsPath) {
  const Outcome run = RunServer("--config=" + WriteConfig(R"(
      listen_address: "nowhere"
      models { name: "a b" path: "/nonexistent" }
      max_batch_images: 0
      auth_token_file: "/nonexistent/tokens"
  )"));
  EXPECT_EQ(run.exit_code, 1);
  for (const char* path : {"listen_address: ", "insecure: ", "models[0].name: ", "models[0].path: ",
                           "max_batch_images: ", "auth_token_file: "}) {
    EXPECT_THAT(run.output, HasSubstr(path));
  }
}

TEST(ProgramTest, AnUnknownFieldIsRefusedWithItsLine) {
  const Outcome run =
      RunServer("--check_config --config=" + WriteConfig("insecure: true\nsurprise: 1\n"));
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, AllOf(HasSubstr("server.textproto:2:"), HasSubstr("surprise")));
}

TEST(ProgramTest, AMissingFileIsRefused) {
  EXPECT_EQ(RunServer("").exit_code, 1);
  const Outcome run = RunServer("--config=/nonexistent.textproto");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("/nonexistent.textproto"));
}

TEST(ProgramTest, PrintedDefaultsAreAConfigurationAgain) {
  const auto print = [](const std::string& text) {
    const std::string output = RunServer("--print_config --config=" + WriteConfig(text)).output;
    // Behind the violations of so small a configuration.
    return output.substr(output.find("listen_address: \""));
  };
  const std::string printed = print("insecure: true");
  EXPECT_THAT(printed, HasSubstr("max_images_per_request: 256"));
  EXPECT_EQ(print(printed), printed);
}

}  // namespace
