#pragma once
// A path of keys as text, "circuit.open_for". A dot or a backslash within a key has a backslash
// before it: names of header fields may have dots. Pure functions.

#include <string>
#include <string_view>

#include "config/node.hpp"

namespace outrigger::config {

// `path` may be empty.
std::string joined(std::string_view path, std::string_view key);
// Takes the first key off the path.
std::string take_key(std::string_view& path);
// Whether `path` is `outer`, or below it.
bool is_within(std::string_view path, std::string_view outer);

// Null where nothing is.
const Node* find_at(const Node& root, std::string_view path);
// Puts a value there, in maps that are made where they are missing.
void put_at(Node& root, std::string_view path, Node value);

}  // namespace outrigger::config
