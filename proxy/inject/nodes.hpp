// Trees of values, written as they read. Pure functions.
// Included by the sources of this folder only.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.hpp"

namespace outrigger::inject {

inline config::Node text(std::string_view value) { return config::Node::string(value); }

inline config::Node map(std::initializer_list<std::pair<std::string_view, config::Node>> entries) {
  config::Node node = config::Node::map();
  for (const auto& [key, value] : entries) node.set(key, value);
  return node;
}

inline config::Node list(std::vector<config::Node> items) {
  config::Node node = config::Node::list();
  node.items = std::move(items);
  return node;
}

}  // namespace outrigger::inject
