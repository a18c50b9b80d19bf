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

template <class Map>
bool has_same(const Map& now, const Map& before, std::string_view name) {
  const auto found = now.find(name);
  const auto known = before.find(name);
  if (found == now.end() || known == before.end()) {
    return (found == now.end()) == (known == before.end());
  }
  return found->second == known->second;
}

std::string label_of(const std::string& service, const config::RouteConfig& route) {
  return service + "/" + route.name;
}

// How endpoints of a service are reached: by its own list, or wherever the caller was going.
bool is_original(const config::Config& config, const std::string& name) {
  const config::ServiceConfig* service = config.find_service(name);
  return service != nullptr && service->endpoints.kind == config::EndpointSource::Kind::kOriginal;
}

// What a route takes of the services that it leads to, besides their policies, which are its own.
bool is_same(const config::ServiceConfig& service, const config::RouteConfig& route,
             const Snapshot& now, const Snapshot& before) {
  bool same = true;
  config::for_each_target(service.name, route, [&](const std::string& target, const auto&) {
    same = same && has_same(now.services, before.services, target) &&
           has_same(now.routes, before.routes, label_of(target, route)) &&
           (target == service.name ||
            is_original(now.config, target) == is_original(before.config, target));
  });
  return same;
}

bool is_same(const config::ServiceConfig& service, const config::ServiceConfig& known,
             const Snapshot& now, const Snapshot& before) {
  return known == service && has_same(now.services, before.services, service.name) &&
         std::all_of(service.routes.begin(), service.routes.end(),
                     [&](const auto& route) { return is_same(service, route, now, before); });
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
      if (!route.owns_state()) continue;
      config::for_each_target(
          service.name, route, [&](const std::string& target, const config::Policy& policy) {
            const std::string label = label_of(target, route);
            snapshot->routes.emplace(label, services.route(label, policy, now_ms));
          });
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
