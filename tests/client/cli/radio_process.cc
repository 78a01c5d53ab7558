#include "tests/client/cli/radio_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

extern char** environ;

namespace radio::client {
namespace {

namespace fs = std::filesystem;

// Relative to the runfiles, where tests start.
constexpr char kProgram[] = "client/radio";

std::string Unique(const std::string& folder, const std::string& name) {
  static std::atomic<int> count{0};
  return folder + "/" + name + std::to_string(++count);
}

// Removes the folders made, when the program ends.
struct Folders {
  ~Folders() {
    for (const std::string& folder : made) fs::remove_all(folder);
  }
  std::vector<std::string> made;
};

}  // namespace

RadioProcess::RadioProcess(const std::vector<std::string>& arguments, const std::string& folder,
                           const std::string& standard_input)
    : out_file_(Unique(folder, "stdout")),
      err_file_(Unique(folder, "stderr")),
      in_file_(Unique(folder, "stdin")) {
  WriteTo(in_file_, standard_input);
  std::vector<char*> argv = {const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, in_file_.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out_file_.c_str(), flags, 0644);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err_file_.c_str(), flags, 0644);
  if (posix_spawn(&process_, kProgram, &files, nullptr, argv.data(), environ) != 0) process_ = -1;
  posix_spawn_file_actions_destroy(&files);
}

RadioProcess::~RadioProcess() {
  if (running()) Signal(SIGKILL);
  Wait();
}

bool RadioProcess::running() {
  if (process_ > 0 && waitpid(process_, &status_, WNOHANG) == process_) process_ = 0;
  return process_ > 0;
}

void RadioProcess::Signal(int signal) {
  if (process_ > 0) kill(process_, signal);
}

int RadioProcess::Wait() {
  if (process_ < 0) return -1000;
  if (process_ > 0) waitpid(process_, &status_, 0);
  process_ = 0;
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

std::string RadioProcess::out() const { return ReadFrom(out_file_); }
std::string RadioProcess::err() const { return ReadFrom(err_file_); }

std::string MakeTemporaryFolder() {
  static Folders folders;
  std::string path = (fs::temp_directory_path() / "radio-cli-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) std::abort();
  folders.made.push_back(path);
  return path;
}

void WriteTo(const std::string& path, const std::string& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string ReadFrom(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::map<std::string, std::string> Contents(const std::string& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    contents[fs::relative(entry.path(), folder).string()] = ReadFrom(entry.path().string());
  }
  return contents;
}

}  // namespace radio::client
