#include "config/document.hpp"

namespace outrigger::config {
namespace {

const Node kNothing;

const Node& child(const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  return found == nullptr ? kNothing : *found;
}

}  // namespace

const std::string& Document::profile_of(std::string_view service) const {
  return child(child(child(root, "services"), service), "profile").text;
}

Node Document::service_layers(std::string_view service, bool with_overrides) const {
  const Node& own = child(child(root, "services"), service);
  const Node& profile = child(child(root, "profiles"), profile_of(service));
  Node merged = layered(layered(child(root, "defaults"), profile), own);
  return with_overrides ? overridden(std::move(merged), service, "") : merged;
}

Node Document::route_layer(std::string_view service, std::string_view route,
                           bool with_overrides) const {
  const Node& own = child(child(root, "services"), service);
  const Node& profile = child(child(root, "profiles"), profile_of(service));
  const Node whole = layered(profile, own);
  for (const Node& item : child(whole, "routes").items) {
    const Node* name = item.find("name");
    if (name == nullptr || name->text != route) continue;
    return with_overrides ? overridden(item, service, route) : item;
  }
  return {};
}

Node Document::overridden(Node node, std::string_view service, std::string_view route) const {
  for (const Override& over : overrides) {
    if (over.service == service && over.route == route) node = layered(node, over.policy);
  }
  return node;
}

}  // namespace outrigger::config
