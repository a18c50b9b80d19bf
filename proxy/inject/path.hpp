// Where something stands in a document: keys and places in lists, from the top. A value type; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/node.hpp"

namespace outrigger::inject {

using Step = std::variant<std::string, size_t>;
using Path = std::vector<Step>;

inline Path operator/(Path path, std::string_view key) {
  path.emplace_back(std::string(key));
  return path;
}
inline Path operator/(Path path, size_t place) {
  path.emplace_back(place);
  return path;
}

// Null: there is nothing.
const config::Node* find(const config::Node& root, const Path& path);
config::Node* find(config::Node& root, const Path& path);

// `spec.containers.app.env`: what stands in a list by its name, for people and across edits. Only
// the steps from `from` on are said.
std::string describe(const config::Node& root, const Path& path, size_t from = 0);

}  // namespace outrigger::inject
