// Overrides over the file, and the questions about single settings: what the file gives, what is in
// effect, and which line says so.
#include <algorithm>
#include <array>
#include <utility>

#include "config/config.hpp"
#include "config/key_path.hpp"
#include "config/write.hpp"

namespace outrigger::config {
namespace {

// A route of another service that has the name and leads to the target.
struct Leading {
  const ServiceConfig* owner = nullptr;  // null: there is none
  const Policy* policy = nullptr;        // of its calls there
};

Leading leading_to(const Config& config, const Target& target) {
  for (const ServiceConfig& service : config.services) {
    if (target.route.empty() || service.name == target.service) continue;
    for (const RouteConfig& route : service.routes) {
      if (route.name != target.route) continue;
      for (const RouteTarget& to : route.to) {
        if (to.service == target.service) return {&service, &to.policy};
      }
    }
  }
  return {};
}

// The service whose route it is.
std::string_view owner_of(const Config& config, const Target& target) {
  if (is_in_file(config, target)) return target.service;
  const ServiceConfig* owner = leading_to(config, target).owner;
  return owner == nullptr ? std::string_view(target.service) : owner->name;
}

Problem unknown_target(const Config& config, const Target& target) {
  const std::string route = target.route.empty() ? "" : "/" + target.route;
  std::string what = "there is no \"" + target.service + route + "\" in the file";
  if (const ServiceConfig* owner = leading_to(config, target).owner) {
    what += "; its settings are those of \"" + owner->name + route + "\"";
  }
  return {"", 0, 0, "", std::move(what)};
}

std::optional<Place> place(const Document& document, const Mark& mark) {
  if (mark.line == 0 || mark.file < 0) return std::nullopt;
  return Place{document.files[static_cast<size_t>(mark.file)], mark.line, mark.column};
}

// Where the last key of a path is written.
std::optional<Place> place_of_key(const Document& document, const Node& from,
                                  std::string_view path) {
  const Node* map = &from;
  std::string key = take_key(path);
  for (; map != nullptr && !path.empty(); key = take_key(path)) map = map->find(key);
  const Entry* entry = map == nullptr ? nullptr : map->entry(key);
  return entry == nullptr ? std::nullopt : place(document, entry->mark);
}

std::string json_at(const Config& config, const Target& target, std::string_view key) {
  const Node written = write_target(config, target, Secrets::kRedacted);
  if (written.is_null()) return {};
  const Node* found = find_at(written, key);
  return found == nullptr ? std::string() : to_json(*found, false);
}

}  // namespace

const RouteConfig* find_route(const Config& config, const Target& target) {
  const ServiceConfig* service = config.find_service(target.service);
  if (service == nullptr || target.route.empty()) return nullptr;
  const auto found =
      std::find_if(service->routes.begin(), service->routes.end(),
                   [&](const RouteConfig& route) { return route.name == target.route; });
  return found == service->routes.end() ? nullptr : &*found;
}

bool is_in_file(const Config& config, const Target& target) {
  return target.route.empty() ? config.find_service(target.service) != nullptr
                              : find_route(config, target) != nullptr;
}

const Policy* policy_of(const Config& config, const Target& target) {
  const ServiceConfig* service = config.find_service(target.service);
  if (service == nullptr) return nullptr;
  if (target.route.empty()) return &service->policy;
  const RouteConfig* route = find_route(config, target);
  return route != nullptr ? &route->policy : leading_to(config, target).policy;
}

bool has_circuit(const Config& config, const Target& target) {
  if (target.route.empty()) return config.find_service(target.service) != nullptr;
  bool found = false;
  for (const ServiceConfig& service : config.services) {
    for (const RouteConfig& route : service.routes) {
      if (route.name != target.route || !route.owns("circuit")) continue;
      for_each_target(service.name, route, [&](const std::string& leads_to, const Policy&) {
        found = found || leads_to == target.service;
      });
    }
  }
  return found;
}

Loaded with_overrides(const Loaded& loaded, std::vector<Override> overrides) {
  if (overrides.empty() && loaded.document.overrides.empty()) return loaded;
  Document document = loaded.document;
  document.overrides = std::move(overrides);
  Loaded next = compile(std::move(document));
  for (const Override& over : next.document.overrides) {
    const Target target{over.service, over.route};
    if (!is_in_file(next.config, target)) {
      next.problems.push_back(unknown_target(next.config, target));
    }
  }
  return next;
}

SettingText read_setting(const Loaded& loaded, const Target& target, std::string_view key) {
  SettingText setting;
  setting.effective = json_at(loaded.config, target, key);
  Document file = loaded.document;
  file.overrides.clear();
  setting.file = json_at(compile(std::move(file)).config, target, key);
  const Node over = loaded.document.overridden({}, target.service, target.route);
  if (const Node* found = over.is_map() ? find_at(over, key) : nullptr) {
    setting.overridden = to_json(*found, false);
  }
  return setting;
}

namespace {

// The mark of whatever in a layer says a key: itself, or a value in place of a map around it.
std::optional<Mark> mark_in(const Node& layer, std::string_view key) {
  const Node* node = &layer;
  std::optional<Mark> mark;
  while (!key.empty() && node->is_map()) {
    const Entry* entry = node->entry(take_key(key));
    if (entry == nullptr || entry->value.is_null()) return std::nullopt;
    mark = entry->mark;
    node = &entry->value;
  }
  return mark;
}

void collect_leaves(const Node& node, const std::string& path, std::vector<Setting>& out) {
  if (!node.is_map() || node.entries.empty()) return out.push_back({path, node, {}, {}});
  for (const Entry& entry : node.entries) {
    collect_leaves(entry.value, joined(path, entry.key), out);
  }
}

}  // namespace

std::vector<Setting> settings_of(const Loaded& loaded, const Target& target) {
  std::vector<Setting> settings;
  const Node written = write_target(loaded.config, target, Secrets::kRedacted);
  if (written.is_null()) return settings;
  collect_leaves(written, "", settings);
  const Document& document = loaded.document;
  const auto child = [](const Node* node, std::string_view key) {
    const Node* found = node == nullptr ? nullptr : node->find(key);
    return found == nullptr ? Node{} : *found;
  };
  const std::string_view owner = owner_of(loaded.config, target);
  const std::array layers = {
      std::pair(Layer::kOverride, document.overridden({}, owner, target.route)),
      std::pair(Layer::kRoute,
                target.route.empty() ? Node{} : document.route_layer(owner, target.route, false)),
      std::pair(Layer::kOverride,
                target.route.empty() ? Node{} : document.overridden({}, target.service, "")),
      std::pair(Layer::kService, child(document.root.find("services"), target.service)),
      std::pair(Layer::kProfile,
                child(document.root.find("profiles"), document.profile_of(target.service))),
      std::pair(Layer::kDefaults, child(&document.root, "defaults"))};
  for (Setting& setting : settings) {
    for (const auto& [layer, node] : layers) {
      const auto mark = mark_in(node, setting.key);
      if (!mark) continue;
      setting.layer = layer;
      setting.place = place(document, *mark);
      break;
    }
  }
  return settings;
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
  const Node route = document.route_layer(owner_of(loaded.config, target), target.route);
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
