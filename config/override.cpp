// Overrides over the file, and the questions about single settings: what the file gives, what is in
// effect, and which line says so.
#include <algorithm>

#include "config/config.hpp"
#include "config/write.hpp"

namespace outrigger::config {
namespace {

constexpr auto kNotPolicies = std::to_array<std::string_view>(
    {"hosts", "addresses", "endpoints", "routes", "name", "match", "profile"});

// RFC 7396.
Node merge_patched(const Node& target, const Node& patch) {
  if (!patch.is_map()) return patch;
  Node merged = target.is_map() ? target : Node::map();
  for (const Entry& entry : patch.entries) {
    if (entry.value.is_null()) {
      std::erase_if(merged.entries, [&](const Entry& other) { return other.key == entry.key; });
      continue;
    }
    const Node* old = merged.find(entry.key);
    merged.set(entry.key, merge_patched(old == nullptr ? Node{} : *old, entry.value));
  }
  return merged;
}

// A map that only held what was taken out says nothing any more.
void prune(Node& map) {
  for (Entry& entry : map.entries) prune(entry.value);
  std::erase_if(map.entries, [](const Entry& entry) {
    return entry.value.is_map() && entry.value.entries.empty();
  });
}

const Node* walk(const Node& from, std::string_view path) {
  const Node* node = &from;
  while (node != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    node = node->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

const RouteConfig* find_route(const ServiceConfig& service, std::string_view name) {
  const auto found = std::find_if(service.routes.begin(), service.routes.end(),
                                  [&](const RouteConfig& route) { return route.name == name; });
  return found == service.routes.end() ? nullptr : &*found;
}

const Policy* find_policy(const Config& config, const Target& target) {
  const ServiceConfig* service = config.find_service(target.service);
  if (service == nullptr || target.route.empty()) {
    return service == nullptr ? nullptr : &service->policy;
  }
  const RouteConfig* route = find_route(*service, target.route);
  return route == nullptr ? nullptr : &route->policy;
}

Loaded refused(const Loaded& loaded, std::string path, std::string what) {
  Loaded result = loaded;
  result.problems = {Problem{"", 0, 0, std::move(path), std::move(what)}};
  return result;
}

void replace_override(Document& document, const Target& target, Node policy) {
  std::erase_if(document.overrides, [&](const Override& over) {
    return over.service == target.service && over.route == target.route;
  });
  if (!policy.entries.empty()) {
    document.overrides.push_back(Override{target.service, target.route, std::move(policy)});
  }
}

Node current_override(const Document& document, const Target& target) {
  const Override* over = document.find_override(target.service, target.route);
  return over == nullptr ? Node::map() : over->policy;
}

std::optional<Place> place(const Document& document, const Mark& mark) {
  if (mark.line == 0 || mark.file < 0) return std::nullopt;
  return Place{document.files[static_cast<size_t>(mark.file)], mark.line, mark.column};
}

// Where the last key of a path is written.
std::optional<Place> place_of_key(const Document& document, const Node& from,
                                  std::string_view path) {
  const size_t dot = path.rfind('.');
  const Node* map = dot == std::string_view::npos ? &from : walk(from, path.substr(0, dot));
  const Entry* entry = map == nullptr
                           ? nullptr
                           : map->entry(path.substr(dot == std::string_view::npos ? 0 : dot + 1));
  return entry == nullptr ? std::nullopt : place(document, entry->mark);
}

std::string json_at(const Config& config, const Target& target, std::string_view key) {
  const Policy* policy = find_policy(config, target);
  if (policy == nullptr) return {};
  const Node written = write_policy(*policy, Secrets::kRedacted);
  const Node* found = walk(written, key);
  return found == nullptr ? std::string() : to_json(*found, false);
}

}  // namespace

Loaded apply_override(const Loaded& loaded, const Target& target, std::string_view section,
                      std::string_view merge_patch) {
  if (find_policy(loaded.config, target) == nullptr) {
    const std::string route = target.route.empty() ? "" : "/" + target.route;
    return refused(loaded, "", "there is no \"" + target.service + route + "\" in the file");
  }
  std::vector<Problem> problems;
  Node patch = parse_json(merge_patch, problems);
  if (!problems.empty()) return refused(loaded, std::string(section), problems[0].what);
  if (!section.empty()) {
    Node whole = Node::map();
    whole.set(section, std::move(patch));
    patch = std::move(whole);
  }
  for (const Entry& entry : patch.entries) {
    if (std::find(kNotPolicies.begin(), kNotPolicies.end(), entry.key) != kNotPolicies.end()) {
      return refused(loaded, entry.key, "\"" + entry.key + "\" is not a policy; change the file");
    }
  }
  Document document = loaded.document;
  Node merged = merge_patched(current_override(document, target), patch);
  prune(merged);
  replace_override(document, target, std::move(merged));
  return compile(std::move(document));
}

Loaded remove_override(const Loaded& loaded, const Target& target, std::string_view section) {
  Document document = loaded.document;
  Node policy = section.empty() ? Node::map() : current_override(document, target);
  std::erase_if(policy.entries, [&](const Entry& entry) { return entry.key == section; });
  replace_override(document, target, std::move(policy));
  return compile(std::move(document));
}

SettingText read_setting(const Loaded& loaded, const Target& target, std::string_view key) {
  SettingText setting;
  setting.effective = json_at(loaded.config, target, key);
  Document file = loaded.document;
  file.overrides.clear();
  setting.file = json_at(compile(std::move(file)).config, target, key);
  const Node over = current_override(loaded.document, target);
  if (const Node* found = walk(over, key); found != nullptr && !over.entries.empty()) {
    setting.overridden = to_json(*found, false);
  }
  return setting;
}

std::optional<Place> where(const Loaded& loaded, const Target& target, std::string_view key) {
  const Document& document = loaded.document;
  const ServiceConfig* service = loaded.config.find_service(target.service);
  const Node* services = document.root.find("services");
  if (service == nullptr || services == nullptr) return std::nullopt;
  if (target.route.empty()) {
    if (key.empty()) return place(document, services->entry(target.service)->mark);
    return place_of_key(document, document.service_layers(target.service), key);
  }
  const Node route = document.route_layer(target.service, target.route);
  if (key.empty()) return place(document, route.mark);
  return place_of_key(document, layered(document.service_layers(target.service), route), key);
}

std::optional<Place> where_listener(const Loaded& loaded, std::string_view name) {
  const Node* list = loaded.document.root.find("listeners");
  if (list == nullptr) return std::nullopt;
  for (size_t i = 0; i < list->items.size() && i < loaded.config.listeners.size(); ++i) {
    if (loaded.config.listeners[i].name == name) return place(loaded.document, list->items[i].mark);
  }
  return std::nullopt;
}

std::optional<Place> where_key(const Loaded& loaded, std::string_view path) {
  return place_of_key(loaded.document, loaded.document.root, path);
}

}  // namespace outrigger::config
