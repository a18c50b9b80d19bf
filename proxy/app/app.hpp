// `outrigger run`: binds what the configuration names, starts the control plane and the workers,
// and runs until the process is told to end.
#pragma once

#include "config/config.hpp"

namespace outrigger::app {

// Returns the exit code.
int run_app(config::Loaded loaded);

}  // namespace outrigger::app
