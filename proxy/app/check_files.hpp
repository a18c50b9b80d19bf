// Whether the files that a configuration names can be used: what `check` and the start ask. Reads
// them at once; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "config/config.hpp"

namespace outrigger::app {

// Every mistake, with the place of the key that names the file. `now_unix_s` decides whether
// certificates are valid.
std::vector<config::Problem> check_files(const config::Loaded& loaded, int64_t now_unix_s);

}  // namespace outrigger::app
