// A command that is run as our child, with signals passed on to it until it ends. From its
// construction on, signals wait until they are asked for, so that none is lost before the child is
// there. As PID 1 it reaps whatever is left to us. One in a process, which has no other threads.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace outrigger::ctl {

class Child {
 public:
  static constexpr int kSignalBase = 128;  // signal N as an exit code
  static constexpr int kCannotRun = 126;
  static constexpr int kNotFound = 127;

  Child();
  // Gives signals their former meaning.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits at most so long for a signal that wants to end us; its number.
  std::optional<int> end_wanted_within(int64_t ms) const;

  // Runs it to its end. The exit code as a shell tells it.
  int run(const std::vector<std::string>& argv) const;

 private:
  sigset_t x_taken;
  sigset_t x_before;
};

}  // namespace outrigger::ctl
