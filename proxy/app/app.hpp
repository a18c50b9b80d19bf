// `outrigger run`: binds what the configuration names, starts the control plane and the workers,
// and runs until the process is told to end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/app/reloader.hpp"

namespace outrigger::app {

// What `run` was asked for.
struct RunCommand {
  std::vector<std::string> paths;  // as of config::with_slashes()
  std::string last_good;           // a folder; empty: off
};

// What a process begins with.
struct FirstConfig {
  config::Loaded loaded;
  config::Texts texts;                  // it was read from these
  std::optional<RefusedFiles> refused;  // instead of which it is the last good one
};

// Returns the exit code.
int run_app(const RunCommand& command, const FirstConfig& first);

}  // namespace outrigger::app
