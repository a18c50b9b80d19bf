#include "config/key_path.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::config {
namespace {

Node& map_in(Node& parent, const std::string& key) {
  for (Entry& entry : parent.entries) {
    if (entry.key == key && entry.value.is_map()) return entry.value;
  }
  return parent.set(key, Node::map());
}

}  // namespace

std::string joined(std::string_view path, std::string_view key) {
  std::string text(path);
  if (!text.empty()) text += '.';
  for (const char c : key) {
    if (c == '.' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

std::string take_key(std::string_view& path) {
  std::string key;
  size_t at = 0;
  for (; at < path.size() && path[at] != '.'; ++at) {
    if (path[at] == '\\' && at + 1 < path.size()) ++at;
    key += path[at];
  }
  path.remove_prefix(std::min(at + 1, path.size()));
  return key;
}

bool is_within(std::string_view path, std::string_view outer) {
  if (!path.starts_with(outer)) return false;
  return outer.empty() || path.size() == outer.size() || path[outer.size()] == '.';
}

const Node* find_at(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (node != nullptr && !path.empty()) node = node->find(take_key(path));
  return node;
}

void put_at(Node& root, std::string_view path, Node value) {
  Node* at = &root;
  std::string key = take_key(path);
  for (; !path.empty(); key = take_key(path)) at = &map_in(*at, key);
  at->set(key, std::move(value));
}

}  // namespace outrigger::config
