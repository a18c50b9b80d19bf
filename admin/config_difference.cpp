// What a reload changed: which services came, went and are others, and of those which settings.
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "admin/json_value.hpp"
#include "admin/resources.hpp"
#include "config/node.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

// The settings of a target by their paths, secrets redacted.
std::vector<std::pair<std::string, std::string>> settings(const config::Loaded& loaded,
                                                          const config::Target& target) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const config::Setting& setting : config::settings_of(loaded, target)) {
    list.emplace_back(setting.key, config::to_json(setting.value, false));
  }
  return list;
}

const std::string* value_of(const std::vector<std::pair<std::string, std::string>>& settings,
                            const std::string& key) {
  const auto found = std::ranges::find(settings, key, &std::pair<std::string, std::string>::first);
  return found == settings.end() ? nullptr : &found->second;
}

// What a route has from its service changed with it, and is told once.
bool is_of_service(const Json& keys, const Json& change) {
  return std::ranges::any_of(keys, [&](const Json& other) {
    return !other.contains("route") && other["key"] == change["key"] &&
           other["before"] == change["before"] && other["after"] == change["after"];
  });
}

// Keys that only one of the two has are null on the other side: what is above them was `off`.
void add_keys(Json& keys, const config::Loaded& before, const config::Loaded& after,
              const config::Target& target) {
  const auto was = settings(before, target);
  const auto is = settings(after, target);
  const auto add = [&](const std::string& key, const std::string* old_value,
                       const std::string* new_value) {
    Json json;
    if (!target.route.empty()) json["route"] = target.route;
    json["key"] = key;
    json["before"] = old_value == nullptr ? Json() : parsed<Json>(*old_value);
    json["after"] = new_value == nullptr ? Json() : parsed<Json>(*new_value);
    if (target.route.empty() || !is_of_service(keys, json)) keys.push_back(std::move(json));
  };
  for (const auto& [key, value] : was) {
    const std::string* now = value_of(is, key);
    if (now == nullptr || *now != value) add(key, &value, now);
  }
  for (const auto& [key, value] : is) {
    if (value_of(was, key) == nullptr) add(key, nullptr, &value);
  }
}

// What is no setting (endpoints, hosts, the list of routes) has no keys here.
Json changed_json(const config::Loaded& before, const config::Loaded& after,
                  const config::ServiceConfig& service) {
  Json keys = Json::array();
  add_keys(keys, before, after, {service.name, ""});
  for (const config::RouteConfig& route : service.routes) {
    const config::Target target{service.name, route.name};
    if (route.name.empty() || config::find_route(before.config, target) == nullptr) continue;
    if (*config::find_route(before.config, target) == route) continue;
    add_keys(keys, before, after, target);
  }
  return {{"service", service.name}, {"keys", std::move(keys)}};
}

}  // namespace

std::string reload_json(const config::Loaded& before, const config::Loaded& after) {
  Json changed = Json::array();
  Json added = Json::array();
  Json removed = Json::array();
  size_t untouched = 0;
  for (const config::ServiceConfig& service : after.config.services) {
    const config::ServiceConfig* former = before.config.find_service(service.name);
    if (former == nullptr) {
      added.push_back(service.name);
    } else if (*former == service) {
      ++untouched;
    } else {
      changed.push_back(changed_json(before, after, service));
    }
  }
  for (const config::ServiceConfig& service : before.config.services) {
    if (after.config.find_service(service.name) == nullptr) removed.push_back(service.name);
  }
  const std::string body = dumped(Json{{"changed", std::move(changed)},
                                       {"added", std::move(added)},
                                       {"removed", std::move(removed)},
                                       {"untouched", untouched}});
  return body.substr(1, body.size() - 2);
}

}  // namespace outrigger::admin
