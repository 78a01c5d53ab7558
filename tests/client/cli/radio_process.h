// Runs the built `radio` program.
#ifndef RADIO_TESTS_CLIENT_CLI_RADIO_PROCESS_H_
#define RADIO_TESTS_CLIENT_CLI_RADIO_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace radio::client {

// A child process; its output goes to files.
class RadioProcess {
 public:
  // Starts at once. `folder` is for the output files.
  RadioProcess(const std::vector<std::string>& arguments, const std::string& folder,
               const std::string& standard_input = "");
  ~RadioProcess();
  RadioProcess(const RadioProcess&) = delete;
  RadioProcess& operator=(const RadioProcess&) = delete;

  // Blocks. The exit code, or minus the signal that killed it.
  int Wait();
  void Signal(int signal);
  bool running();

  std::string out() const;
  std::string err() const;

 private:
  const std::string out_file_;
  const std::string err_file_;
  const std::string in_file_;
  pid_t process_ = -1;
  int status_ = 0;
};

// A new folder, deleted at the end of the test program.
std::string MakeTemporaryFolder();

void WriteTo(const std::string& path, const std::string& bytes);
std::string ReadFrom(const std::string& path);

// Content of every file below, by path relative to the folder.
std::map<std::string, std::string> Contents(const std::string& folder);

}  // namespace radio::client

#endif  // RADIO_TESTS_CLIENT_CLI_RADIO_PROCESS_H_
