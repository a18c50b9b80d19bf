// Overrides as they are kept on disk, and back: everything of them, secrets too. Pure functions;
// control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/overrides.hpp"

namespace outrigger::admin {

// Those of operators; the overrides file keeps its own.
std::string to_kept(const std::vector<OverrideEntry>& entries);
// Empty where it is not what to_kept() made.
std::vector<OverrideEntry> from_kept(std::string_view text);

}  // namespace outrigger::admin
