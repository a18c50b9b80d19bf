// `outrigger completion SHELL`: the script that completes commands and options in a shell, made
// from the same description as parsing and --help. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace outrigger::app {

// `shell`: bash, zsh or fish.
std::string completion(const CLI::App& cli, std::string_view shell);

}  // namespace outrigger::app
