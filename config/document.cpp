#include "config/document.hpp"

namespace outrigger::config {
namespace {

const Node kNothing;

const Node& child(const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  return found == nullptr ? kNothing : *found;
}

}  // namespace

Node Document::service_layers(std::string_view service, bool with_overrides) const {
  Node merged = layered(child(root, "defaults"), child(child(root, "services"), service));
  const Override* over = with_overrides ? find_override(service, "") : nullptr;
  return over == nullptr ? merged : layered(merged, over->policy);
}

Node Document::route_layer(std::string_view service, std::string_view route,
                           bool with_overrides) const {
  for (const Node& item : child(child(child(root, "services"), service), "routes").items) {
    const Node* name = item.find("name");
    if (name == nullptr || name->text != route) continue;
    const Override* over = with_overrides ? find_override(service, route) : nullptr;
    return over == nullptr ? item : layered(item, over->policy);
  }
  return {};
}

const Override* Document::find_override(std::string_view service, std::string_view route) const {
  for (const Override& over : overrides) {
    if (over.service == service && over.route == route) return &over;
  }
  return nullptr;
}

}  // namespace outrigger::config
