// What the command line asks for. Exit codes: 0 ended cleanly, 2 a bad command line or
// configuration, 1 anything else;
// of `ctl` 1 not reached and 3 refused, of `await` those of its command.
#pragma once

namespace outrigger::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadInput = 2;

// Runs the command that `argv` names; returns the exit code.
int run_command_line(int argc, char** argv);

}  // namespace outrigger::app
