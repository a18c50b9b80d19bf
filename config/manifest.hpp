#pragma once
// Documents of others, YAML or JSON, read to be changed a little: nothing expands in them, and what
// they say is written back as they said it. Bounded like our own files, but for their size. Pure
// functions on text and trees.

#include <string>
#include <string_view>

#include "config/node.hpp"
#include "proxy/base/result.hpp"

namespace outrigger::config {

inline constexpr size_t kMaxManifestBytes = 4 << 20;
inline constexpr size_t kMaxManifestNodes = 400'000;  // once aliases are resolved

struct Manifest {
  Node root;
  bool is_json = false;  // then marks say nothing
};

// One document. Aliases and merges are resolved. The failure is "LINE:COLUMN: what is wrong", or
// without a place.
Result<Manifest> parse_manifest(std::string_view text);

// In block style, each line indented by so much. Reads back to the same values.
std::string manifest_yaml(const Node& node, size_t indent = 0);
std::string manifest_json(const Node& node);

// Whether two trees say the same: marks, the order of keys, and quotes that change nothing do not
// count.
bool same_values(const Node& a, const Node& b);

// The readers behind parse_manifest().
Result<Node> parse_manifest_yaml(std::string_view text);
Result<Node> parse_manifest_json(std::string_view text);

}  // namespace outrigger::config
