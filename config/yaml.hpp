#pragma once
// YAML text to a tree of values. YAML 1.2, with `<<` merges and aliases resolved, the key `true`
// read as `on` (what a YAML 1.1 tool makes of it), and environment variables expanded inside scalar
// values. Bounded: text size, depth, and the number of nodes and bytes after aliases.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"
#include "config/problem.hpp"

namespace outrigger::config {

// Looks an environment variable up by name.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

inline constexpr size_t kMaxYamlBytes = 1 << 20;
inline constexpr size_t kMaxYamlDepth = 64;
inline constexpr size_t kMaxYamlKeys = 5'000;  // of one map
inline constexpr size_t kMaxYamlNodes = 200'000;
inline constexpr size_t kMaxYamlExpandedBytes = 16 << 20;

struct FileText {
  int index = 0;  // becomes Mark::file
  std::string_view name;
  std::string_view text;
};

// Appends to `problems`; what could be read is returned also then. An empty document is null.
// With `unexpanded`, values with variables stay as they are, and are listed there.
Node parse_yaml(const FileText& file, const Environment& environment,
                std::vector<Problem>& problems, std::vector<Mark>* unexpanded = nullptr);

// JSON text (RFC 8259) to the same tree, with marks that say nothing. Not an object or not JSON at
// all: one problem.
Node parse_json(std::string_view text, std::vector<Problem>& problems);

}  // namespace outrigger::config
