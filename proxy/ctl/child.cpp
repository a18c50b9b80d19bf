#include "proxy/ctl/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace outrigger::ctl {
namespace {

constexpr std::array kPassedOn = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
constexpr std::array kEnding = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

int code_of(int status) {
  return WIFSIGNALED(status) ? Child::kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

// With the signals as we found them. Its error, or 0.
int spawn(const std::vector<std::string>& argv, const sigset_t& mask, pid_t& pid) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);  // our own calls ignore it
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &mask);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error =
      ::posix_spawnp(&pid, arguments.front(), nullptr, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

// All that have ended; the status of `pid` where it is among them.
std::optional<int> reap(pid_t pid) {
  std::optional<int> ended;
  int status = 0;
  for (pid_t one; (one = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (one == pid) ended = status;
  }
  return ended;
}

}  // namespace

Child::Child() {
  ::sigemptyset(&x_taken);
  for (const int number : kPassedOn) ::sigaddset(&x_taken, number);
  ::sigaddset(&x_taken, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &x_taken, &x_before);
}

Child::~Child() { ::sigprocmask(SIG_SETMASK, &x_before, nullptr); }

std::optional<int> Child::end_wanted_within(int64_t ms) const {
  constexpr int64_t kMsPerS = 1000;
  constexpr int64_t kNsPerMs = 1'000'000;
  const timespec limit{ms / kMsPerS, ms % kMsPerS * kNsPerMs};
  const int number = ::sigtimedwait(&x_taken, nullptr, &limit);
  if (std::ranges::find(kEnding, number) == kEnding.end()) return std::nullopt;
  return number;
}

int Child::run(const std::vector<std::string>& argv) const {
  pid_t pid = -1;
  if (const int error = spawn(argv, x_before, pid); error != 0) {
    std::fprintf(stderr, "%s: %s\n", argv.front().c_str(), std::strerror(error));
    return error == ENOENT ? kNotFound : kCannotRun;
  }
  while (true) {
    siginfo_t signal;
    const int number = ::sigwaitinfo(&x_taken, &signal);
    if (number == SIGCHLD) {
      if (const auto status = reap(pid)) return code_of(*status);
    } else if (number > 0 && signal.si_code != SI_KERNEL) {
      // What the terminal sends, the child has got by itself.
      ::kill(pid, number);
    }
  }
}

}  // namespace outrigger::ctl
