// SIGTERM as the program takes it, each time in a child process.
#include "server/main/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace radio::server {
namespace {

// Runs `child` in a process of its own and `parent` once that says it is ready; the exit code.
int ExitCodeOf(const std::function<void(const std::function<void()>& ready)>& child,
               const std::function<void(pid_t, const std::function<void()>& await)>& parent) {
  int pipe_fds[2];
  EXPECT_EQ(pipe(pipe_fds), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    child([&] {
      const char byte = 'r';
      if (write(pipe_fds[1], &byte, 1) != 1) _exit(99);
    });
    _exit(98);
  }
  close(pipe_fds[1]);
  parent(pid, [&] {
    char byte = 0;
    EXPECT_EQ(read(pipe_fds[0], &byte, 1), 1);
  });
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  close(pipe_fds[0]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(SignalsTest, TheFirstSignalEndsTheWait) {
  for (const int number : {SIGTERM, SIGINT}) {
    EXPECT_EQ(ExitCodeOf(
                  [](const auto& ready) {
                    SignalWaiter signals;
                    ready();
                    signals.Wait();
                    _exit(0);
                  },
                  [&](pid_t pid, const auto& await) {
                    await();
                    kill(pid, number);
                  }),
              0);
  }
}

TEST(SignalsTest, TheSecondSignalEndsTheProcess) {
  EXPECT_EQ(ExitCodeOf(
                [](const auto& ready) {
                  SignalWaiter signals;
                  ready();
                  signals.Wait();
                  signals.ExitOnNext(absl::Hours(1));
                  ready();
                  while (true) pause();
                },
                [](pid_t pid, const auto& await) {
                  await();
                  kill(pid, SIGTERM);
                  await();
                  kill(pid, SIGTERM);
                }),
            128 + SIGTERM);
}

TEST(SignalsTest, AShutdownThatHangsEndsTheProcessTooWith73) {
  EXPECT_EQ(ExitCodeOf(
                [](const auto&) {
                  SignalWaiter signals;
                  signals.ExitOnNext(absl::Milliseconds(1));
                  while (true) pause();
                },
                [](pid_t, const auto&) {}),
            73);
}

}  // namespace
}  // namespace radio::server
