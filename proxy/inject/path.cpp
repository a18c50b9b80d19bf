#include "proxy/inject/path.hpp"

#include <utility>

namespace outrigger::inject {

const config::Node* find(const config::Node& root, const Path& path) {
  const config::Node* node = &root;
  for (const Step& step : path) {
    if (const auto* key = std::get_if<std::string>(&step)) {
      node = node->find(*key);
    } else {
      const size_t place = std::get<size_t>(step);
      node = place < node->items.size() ? &node->items[place] : nullptr;
    }
    if (node == nullptr) return nullptr;
  }
  return node;
}

config::Node* find(config::Node& root, const Path& path) {
  return const_cast<config::Node*>(find(std::as_const(root), path));
}

std::string describe(const config::Node& root, const Path& path, size_t from) {
  std::string out;
  const config::Node* node = &root;
  for (size_t i = 0; i < path.size(); ++i) {
    const auto* key = std::get_if<std::string>(&path[i]);
    node = node == nullptr ? nullptr : find(*node, {path[i]});
    const config::Node* name = node == nullptr || key != nullptr ? nullptr : node->find("name");
    if (i < from) continue;
    out += out.empty() ? "" : ".";
    out += key != nullptr    ? *key
           : name != nullptr ? name->text
                             : std::to_string(std::get<size_t>(path[i]));
  }
  return out;
}

}  // namespace outrigger::inject
