#include "proxy/app/snapshot.hpp"

namespace outrigger::app {

SnapshotPtr make_snapshot(config::Config config, upstream::Services& services, int64_t now_ms) {
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
  snapshot->passthrough = services.service(std::string(kPassthrough), config.passthrough, now_ms);
  snapshot->config = std::move(config);
  return snapshot;
}

}  // namespace outrigger::app
