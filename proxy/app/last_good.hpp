// The last files of the configuration that were good, kept in a folder, so that a process that
// begins with bad ones has something to begin with. One file with a version and a checksum,
// readable by its owner alone; the texts are kept as they were, variables unexpanded. Any thread;
// asks the disk.
#pragma once

#include <string>
#include <string_view>

#include "config/texts.hpp"
#include "proxy/base/result.hpp"

namespace outrigger::app {

// Where it is, in the folder.
std::string last_good_path(const std::string& folder);

std::string pack_last_good(const config::Texts& texts);
// The failure is a sentence.
Result<config::Texts> unpack_last_good(std::string_view bytes);

// Refuses a file that another user owns or may write.
Result<config::Texts> read_last_good(const std::string& folder);

}  // namespace outrigger::app
