#include "proxy/inject/cel.hpp"

#include "proxy/base/json_line.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

bool is_short(const Node& node) {
  for (const Node& item : node.items) {
    if (!item.is_scalar()) return false;
  }
  return node.is_list();
}

}  // namespace

std::string cel_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string cel_list(std::span<const std::string> items) {
  std::string out;
  for (const std::string& item : items) (out += out.empty() ? "" : ", ") += item;
  return "[" + out + "]";
}

std::string cel(const Node& node, const std::string& type, std::span<const CelHole> holes,
                size_t indent) {
  for (const auto& [place, expression] : holes) {
    if (place == type) return std::string(expression);
  }
  if (node.is_scalar()) return node.quoted ? cel_string(node.text) : node.text;
  const std::string margin(indent + 2, ' ');
  const bool is_map = node.is_map();
  const std::string line = is_short(node) ? "" : "\n" + margin;
  std::string inside;
  for (const config::Entry& entry : node.entries) {
    inside += (inside.empty() ? "" : ",") + line + entry.key + ": " +
              cel(entry.value, type + "." + entry.key, holes, indent + 2);
  }
  for (const Node& item : node.items) {
    inside += (inside.empty() ? ""
               : line.empty() ? ", "
                              : ",") +
              line + cel(item, type, holes, indent + 2);
  }
  return (is_map ? type + "{" : "[") + inside + (is_map ? "}" : "]");
}

std::string concat(std::initializer_list<std::string_view> pieces) {
  std::string all;
  for (const std::string_view piece : pieces) all += piece;
  return all;
}

}  // namespace outrigger::inject
