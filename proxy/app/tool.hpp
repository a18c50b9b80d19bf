// Runs another program of the system to its end: no shell, text in, text out. Blocking, for
// commands that are a process of their own, never for the sidecar at work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.hpp"

namespace outrigger::app {

// The path of a program: $PATH, then the folders of system programs. Empty when there is none.
std::string find_tool(std::string_view name);

// What it printed, when it exits with 0. Else what it complained of, after its name.
Result<std::string> run_tool(std::vector<std::string> argv, std::string_view input = {});

}  // namespace outrigger::app
