// The last files of the configuration that were good, kept in a folder of ours alone (see
// io/kept_files.hpp), so that a process that begins with bad ones has something to begin with. The
// texts are kept as they were, variables unexpanded. Any thread; waits for the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/texts.hpp"
#include "proxy/base/result.hpp"

namespace outrigger::app {

// The failures are sentences that begin with a path.
Result<bool> keep_last_good(const std::string& folder, const config::Texts& texts);
Result<config::Texts> load_last_good(const std::string& folder);

// What is kept, as one text, and back. Nothing: it is none.
std::string pack_last_good(const config::Texts& texts);
std::optional<config::Texts> unpack_last_good(std::string_view packed);

}  // namespace outrigger::app
