// The overrides file: a list of states and settings for services, from outside, such as a ConfigMap
// that steers a fleet. Its form is in docs/configuration.md. Pure functions; control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/overrides.hpp"

namespace outrigger::admin {

struct OverridesFile {
  std::vector<OverrideEntry> entries;
  std::vector<config::Problem> problems;  // not empty: none of it is to be used
};

// Whether the settings are right shows when they are put over a configuration.
OverridesFile parse_overrides_file(const std::string& path, std::string_view text);

}  // namespace outrigger::admin
