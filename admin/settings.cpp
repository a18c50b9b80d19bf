#include "admin/settings.hpp"

#include <algorithm>

#include "config/write.hpp"

namespace outrigger::admin {
namespace {

using config::Node;

const Node* walk(const Node& from, std::string_view path) {
  const Node* node = &from;
  while (node != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    node = node->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

void collect(const std::string& path, const Node& node, std::vector<PatchedKey>& keys) {
  // An empty object over a value takes it away, as null does.
  if (node.is_null() || (node.is_map() && node.entries.empty())) {
    keys.push_back({path, ""});
  } else if (node.is_map()) {
    for (const config::Entry& entry : node.entries) {
      collect(path.empty() ? entry.key : path + "." + entry.key, entry.value, keys);
    }
  } else {
    keys.push_back({path, config::to_json(node, false)});
  }
}

}  // namespace

const config::Policy* find_policy(const config::Config& config, const config::Target& target) {
  const config::ServiceConfig* service = config.find_service(target.service);
  if (service == nullptr) return nullptr;
  if (target.route.empty()) return &service->policy;
  const auto route =
      std::find_if(service->routes.begin(), service->routes.end(),
                   [&](const config::RouteConfig& one) { return one.name == target.route; });
  return route == service->routes.end() ? nullptr : &route->policy;
}

std::string setting_json(const config::Config& config, const config::Target& target,
                         std::string_view key) {
  const config::Policy* policy = find_policy(config, target);
  if (policy == nullptr) return {};
  const Node written = config::write_policy(*policy, config::Secrets::kRedacted);
  const Node* found = walk(written, key);
  return found == nullptr ? std::string() : config::to_json(*found, false);
}

std::string overridden_json(const config::Loaded& loaded, const config::Target& target,
                            std::string_view section) {
  const config::Override* over = loaded.document.find_override(target.service, target.route);
  const Node* found = over == nullptr ? nullptr : over->policy.find(section);
  return found == nullptr ? std::string() : config::to_json(*found, false);
}

std::vector<PatchedKey> patched_keys(std::string_view section, std::string_view merge_patch) {
  std::vector<config::Problem> problems;
  std::vector<PatchedKey> keys;
  const Node patch = config::parse_json(merge_patch, problems);
  if (!patch.entries.empty()) collect(std::string(section), patch, keys);
  return keys;
}

config::Loaded without_overrides(const config::Loaded& loaded) {
  config::Document document = loaded.document;
  document.overrides.clear();
  return config::compile(std::move(document));
}

}  // namespace outrigger::admin
