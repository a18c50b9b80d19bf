#pragma once
// What a configuration that has no mistake does not do, though whoever wrote it may expect it:
// `check` says so. Pure; any thread.

#include <vector>

#include "config/config.hpp"
#include "config/problem.hpp"

namespace outrigger::config {

// Each with its place, where it has one; the same place is named once. Requires: loaded.ok().
std::vector<Problem> notes(const Loaded& loaded);

}  // namespace outrigger::config
