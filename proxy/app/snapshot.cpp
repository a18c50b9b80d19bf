#include "proxy/app/snapshot.hpp"

#include <set>

namespace outrigger::app {
namespace {

template <class Map>
std::set<std::string> names_of(const Map& map, std::set<std::string> names) {
  for (const auto& [name, object] : map) names.insert(name);
  return names;
}

}  // namespace

std::shared_ptr<Snapshot> make_snapshot(config::Config config, upstream::Services& services,
                                        int64_t now_ms) {
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
  return snapshot;
}

}  // namespace outrigger::app
