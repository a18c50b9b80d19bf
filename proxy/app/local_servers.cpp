#include "proxy/app/local_servers.hpp"

#include <algorithm>

#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

const std::string* address_of(const auto& section) { return section ? &section->address : nullptr; }

}  // namespace

LocalServers::LocalServers(ControlRuntime& runtime, io::Network& network, io::Binder& binder,
                           const admin::Parts& parts, Process& process)
    : x_runtime(runtime),
      x_network(network),
      x_binder(binder),
      x_process(process),
      x_access(std::make_unique<admin::AccessRules>(config::AdminConfig{})),
      x_admin_api(parts, *x_access),
      x_metrics_api(parts) {}

void LocalServers::prepare(Proposal& next) {
  prepare(x_admin, address_of(next.config().admin), next);
  prepare(x_metrics, address_of(next.config().metrics), next);
  if (!next.config().admin) return;
  x_prepared_access = std::make_unique<admin::AccessRules>(
      *next.config().admin, [&](const std::string& path) { return next.file(path); });
}

void LocalServers::prepare(Place& place, const std::string* address, Proposal& next) {
  if (address == nullptr || *address == place.configured) return;
  const auto at = Address::parse(*address);
  if (!at) return next.refuse(place.name + ".address", at.error());
  auto sockets = x_binder.bind(*at, 1, /*is_port_ours=*/false);
  if (!sockets) return next.refuse(place.name + ".address", sockets.error());
  place.bound = std::move(sockets->front());
}

void LocalServers::commit(Snapshot& next) noexcept {
  const config::Config& config = next.config;
  commit(x_admin, address_of(config.admin), x_admin_api, next);
  commit(x_metrics, address_of(config.metrics), x_metrics_api, next);
  if (!config.admin) return;
  x_admin_config = *config.admin;
  set_access(std::move(x_prepared_access));
  if (x_admin.server == nullptr) return;
  x_admin.server->set_tls(config.admin->tls ? &x_process.admin_tls : nullptr);
}

void LocalServers::commit(Place& place, const std::string* address, chain::Terminal& terminal,
                          Snapshot& next) {
  if (address == nullptr || place.bound != nullptr) retire(place);
  if (place.bound != nullptr) {
    place.configured = *address;
    place.address = place.bound->address();
    place.server = std::make_unique<LocalServer>(x_runtime, place.name, terminal);
    log::info("listening", {{"listener", place.name}, {"address", place.address.to_string()}});
    const auto served = place.server->listen(x_network, std::move(place.bound));
    if (!served) log::error("not listening", {{"listener", place.name}, {"why", served.error()}});
  }
  if (address != nullptr) next.own_listeners.add(place.address);
}

void LocalServers::abandon() noexcept {
  x_admin.bound.reset();
  x_metrics.bound.reset();
  x_prepared_access.reset();
}

void LocalServers::rotate(const std::set<std::string>& changed, const FilesByPath& files) {
  const auto& tokens = x_admin_config.tokens;
  const bool is_meant = std::any_of(tokens.begin(), tokens.end(), [&](const auto& token) {
    return changed.contains(token.file);
  });
  if (is_meant) set_access(std::make_unique<admin::AccessRules>(x_admin_config, files));
}

void LocalServers::set_access(std::unique_ptr<admin::AccessRules> access) {
  x_admin_api.set_rules(*access);
  x_access = std::move(access);
}

void LocalServers::retire(Place& place) {
  place.configured.clear();
  if (place.server == nullptr) return;
  place.server->retire();
  x_retired.push_back(std::move(place.server));
  const LoopContext& loop = x_runtime.runtime().loop;
  loop.timers.arm(x_ending, loop.clock.now_ms() + kRetireMs);
}

}  // namespace outrigger::app
