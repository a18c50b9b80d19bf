// What sources know, as text for the disk, and back: JSON with one entry for each question, its
// list and when that was known to be right, by the wall clock. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

std::string to_text(const Memory& memory, const Clock& clock);
// The failure says why it is none. What is from the future counts as of now.
Result<Memory> memory_from(std::string_view text, const Clock& clock);

}  // namespace outrigger::discovery
