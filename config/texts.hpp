#pragma once
// The files of a configuration as bytes, before they are read for what they mean. Values; any
// thread.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.hpp"

namespace outrigger::config {

// The failure is a sentence, which may begin with the path.
struct SourceText {
  std::string path;
  Result<std::string> text;
};
// In the order in which they are merged.
using Texts = std::vector<SourceText>;

// Whether a file of that name counts, in a folder that is given as a configuration.
bool is_config_name(std::string_view name);
// A path that ends in a slash is a folder.
inline bool is_folder(std::string_view path) { return path.ends_with('/'); }
// What a folder without any such file is.
inline constexpr std::string_view kEmptyFolder = "the folder holds no .yaml file";

// Those of a command line: folders get their slash. Asks the disk.
std::vector<std::string> with_slashes(std::vector<std::string> paths);
// From the disk, at once: for commands, and before calls run.
Texts read_texts(const std::vector<std::string>& paths);

// The same for the same paths and bytes only.
std::string hash_of(const Texts& texts);

}  // namespace outrigger::config
