#include "proxy/app/snapshot.hpp"

#include <algorithm>
#include <set>
#include <variant>

namespace outrigger::app {
namespace {

template <class Map>
std::set<std::string> names_of(const Map& map, std::set<std::string> names) {
  for (const auto& [name, object] : map) names.insert(name);
  return names;
}

bool is_same(const config::ServiceConfig& service, const config::ServiceConfig& known,
             const Snapshot& now, const Snapshot& before) {
  if (known != service) return false;
  if (before.services.at(service.name) != now.services.at(service.name)) return false;
  return std::all_of(service.routes.begin(), service.routes.end(), [&](const auto& route) {
    const std::string label = service.name + "/" + route.name;
    const auto state = now.routes.find(label);
    const auto known_state = before.routes.find(label);
    if (state == now.routes.end() || known_state == before.routes.end()) {
      return (state == now.routes.end()) == (known_state == before.routes.end());
    }
    return state->second == known_state->second;
  });
}

void set_versions(Snapshot& now, const Snapshot* before) {
  std::map<std::string_view, const config::ServiceConfig*> known;
  if (before != nullptr) {
    for (const config::ServiceConfig& one : before->config.services) known.emplace(one.name, &one);
  }
  for (const config::ServiceConfig& service : now.config.services) {
    const auto found = known.find(service.name);
    const bool stays = found != known.end() && is_same(service, *found->second, now, *before);
    now.versions.emplace(service.name, stays ? before->versions.at(service.name) : now.number);
  }
}

}  // namespace

std::shared_ptr<Snapshot> make_snapshot(config::Config config, upstream::Services& services,
                                        int64_t now_ms, const Snapshot* before) {
  auto snapshot = std::make_shared<Snapshot>();
  for (const config::ServiceConfig& service : config.services) {
    snapshot->services.emplace(service.name,
                               services.service(service.name, service.policy, now_ms));
    for (const config::RouteConfig& route : service.routes) {
      if (!route.owns("circuit") && !route.owns("limits")) continue;
      const std::string label = service.name + "/" + route.name;
      snapshot->routes.emplace(label, services.route(label, route.policy, now_ms));
    }
  }
  const std::string passthrough(kPassthrough);
  snapshot->passthrough = services.service(passthrough, config.passthrough, now_ms);
  services.keep_only(names_of(snapshot->services, {passthrough}), names_of(snapshot->routes, {}));
  snapshot->config = std::move(config);
  snapshot->number = before == nullptr ? 1 : before->number + 1;
  set_versions(*snapshot, before);
  return snapshot;
}

}  // namespace outrigger::app
