#include "config/node.hpp"

#include <algorithm>

#include "config/choice.hpp"

namespace outrigger::config {

Node Node::scalar(std::string_view text) {
  Node node;
  node.kind = Kind::kScalar;
  node.text = text;
  return node;
}

Node Node::string(std::string_view text) {
  Node node = scalar(text);
  node.quoted = true;
  return node;
}

Node Node::number(int64_t value) { return scalar(std::to_string(value)); }

Node Node::list() {
  Node node;
  node.kind = Kind::kList;
  return node;
}

Node Node::map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

const Entry* Node::entry(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& candidate) { return candidate.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

const Node* Node::find(std::string_view key) const {
  const Entry* found = entry(key);
  return found == nullptr ? nullptr : &found->value;
}

Node& Node::set(std::string_view key, Node value) {
  for (Entry& candidate : entries) {
    if (candidate.key == key) return candidate.value = std::move(value);
  }
  entries.push_back(Entry{std::string(key), value.mark, std::move(value)});
  return entries.back().value;
}

Node layered(const Node& low, const Node& high) {
  if (high.is_null()) return low;
  if (!low.is_map() || !high.is_map()) return high;
  Node merged = low;
  if (high.mark.line != 0) merged.mark = high.mark;
  for (const Entry& over : high.entries) {
    auto under = std::find_if(merged.entries.begin(), merged.entries.end(),
                              [&](const Entry& candidate) { return candidate.key == over.key; });
    if (under == merged.entries.end()) {
      merged.entries.push_back(over);
    } else if (!over.value.is_null()) {
      under->mark = over.mark;
      under->value = is_choice(over.key) ? over.value : layered(under->value, over.value);
    }
  }
  return merged;
}

}  // namespace outrigger::config
