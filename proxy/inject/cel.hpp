// Values as CEL, the expressions of Kubernetes' admission: objects by the names of their types, as
// the API server wants them. Pure functions on text and trees.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/node.hpp"

namespace outrigger::inject {

// A literal in double quotes.
std::string cel_string(std::string_view text);
// `["a", "b"]`
std::string cel_list(std::span<const std::string> items);

// What an expression stands for instead of a value: the place of the value, and the expression.
using CelHole = std::pair<std::string_view, std::string_view>;

// Of a type like `Object.spec.volumes`. Places of holes are such types too.
std::string cel(const config::Node& node, const std::string& type, std::span<const CelHole> holes,
                size_t indent = 0);

// The pieces one behind the other.
std::string concat(std::initializer_list<std::string_view> pieces);

}  // namespace outrigger::inject
